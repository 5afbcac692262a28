# ---
# kind: wrong
# title: "The networks stay in training mode when they predict a night"
# expect: {perform: [0, 0]}
# says: {perform: [net.eval]}
# ---
# %% task="perform"
# train on the class's cohort here, once, and print your report:
x, y = np.asarray(cohort.signals[:, 0], np.float32), np.asarray(cohort.labels)
night, number = np.asarray(cohort.columns["night"]), np.asarray(cohort.columns["epoch"])
nets, called = [], np.zeros(len(y), int)
for k, fold in enumerate(subject_folds(cohort.subjects, FOLDS, SEED)):
    net, val_loss, kept = fit(x, y, night, number, fold, 10 * SEED + k, PASSES)
    p = probability_of(net, x, sequences_of(fold["test"], night, number), len(y))
    called[fold["test"]] = p[fold["test"]].argmax(axis=1)
    nets.append(net)
    print(f"fold {k + 1}: pass {kept + 1} of {len(val_loss)} kept, kappa of its test subjects {kappa(y[fold['test']], called[fold['test']]):.2f}")
whose, which = (np.unique(of, return_inverse=True)[1] for of in (cohort.subjects, night))
told = report(y, called, whose, which, number, SEED)
print(f"test subjects of all folds (SIMULATED): kappa {told['kappa']:.2f}, 95 % interval {told['interval'][0]:.2f} to {told['interval'][1]:.2f}; "
      f"macro-F1 {told['macro_f1']:.2f}; F1 of each stage {np.round(stage_f1(y, called), 2)}")
print(f"wrong at changes of stage {100 * told['wrong_at_changes']:.0f} %, elsewhere {100 * told['wrong_elsewhere']:.0f} %")


def stage_night(epochs, numbers):
    """Stages (n,) of the epochs (n, 3000) of one night."""
    rows = make_sequences(["new"] * len(epochs), numbers, LENGTH)
    x, present = torch.as_tensor(epochs[rows]), torch.as_tensor(rows >= 0)
    with torch.no_grad():
        parts = [torch.softmax(net.train()(x, present), dim=2).numpy() for net in nets]
    return put_back(np.mean(parts, axis=0), rows, len(epochs)).argmax(axis=1)
