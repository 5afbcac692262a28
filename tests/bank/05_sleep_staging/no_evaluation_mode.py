# ---
# kind: wrong
# title: "The networks stay in training mode when they predict a night"
# expect: {perform: [0, 0]}
# says: {perform: [net.eval]}
# ---
# %% task="perform" change
# was
    return np.mean([probability_of(net, epochs, rows, len(epochs)) for net in nets], axis=0).argmax(axis=1)
# now
    x, present = torch.as_tensor(epochs[rows]), torch.as_tensor(rows >= 0)
    with torch.no_grad():
        parts = [torch.softmax(net.train()(x, present), dim=2).numpy() for net in nets]
    return put_back(np.mean(parts, axis=0), rows, len(epochs)).argmax(axis=1)
