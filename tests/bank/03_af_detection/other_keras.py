# ---
# kind: alternative
# title: The network in Keras, trained by model.fit; the weights of its best epoch kept by hand
# expect: {explore: 6, split: 12, preprocess: 12, network: 12, train: 16, predict: 10, evaluate: 10, perform: 14}
# ---
# %% task="network"
import keras
from keras import layers


def build(seed):
    keras.utils.set_random_seed(seed)
    x = h = keras.Input((None, 1))
    for filters, stride in ((16, 2), (32, 2), (48, 1), (64, 1)):
        h = layers.Conv1D(filters, 7, strides=stride, padding="same", use_bias=False)(h)
        h = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(h)
        h = layers.MaxPooling1D(2)(layers.ReLU()(h))
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(h), layers.GlobalMaxPooling1D()(h)])
    net = keras.Model(x, layers.Dense(1)(layers.Dropout(0.3)(pooled)))
    return net, keras.Model(x, h)


def channels_last(windows):
    return np.asarray(windows, np.float32).transpose(0, 2, 1)


def network_logits(windows, seed):
    return keras.ops.convert_to_numpy(build(seed)[0](channels_last(windows), training=False))[:, 0]


def feature_map(windows, seed):
    return keras.ops.convert_to_numpy(build(seed)[1](channels_last(windows), training=False)).transpose(0, 2, 1)


def count_parameters():
    return sum(int(np.prod(w.shape)) for w in build(0)[0].trainable_weights)


# %% task="train"
def logits_of(net, windows):
    x = channels_last(windows)
    parts = [net(sign * x[k : k + 128], training=False) for k in range(0, len(x), 128) for sign in (1, -1)]
    parts = [keras.ops.convert_to_numpy(part)[:, 0] for part in parts]
    return np.concatenate([(up + down) / 2 for up, down in zip(parts[::2], parts[1::2])])


def cross_entropy(logits, labels):
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def fit(windows, labels, val_windows, val_labels, seed, epochs=EPOCHS):
    rng = np.random.default_rng(seed)
    net, _ = build(seed)
    x, y = channels_last(windows), np.asarray(labels, np.float32)[:, None]
    steps = -(-len(x) // 32)
    rate = keras.optimizers.schedules.CosineDecay(
        8e-4, epochs * steps, warmup_target=8e-3, warmup_steps=max(1, epochs * steps // 4)
    )
    net.compile(keras.optimizers.AdamW(rate, weight_decay=1e-2), keras.losses.BinaryCrossentropy(from_logits=True))
    train_loss, val_loss, kept = [], [], None
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        changed = np.roll(x[order] * rng.choice([-1, 1], (len(x), 1, 1)).astype(np.float32), int(rng.integers(1000)), axis=1)
        seen = net.fit(changed, y[order], batch_size=32, epochs=1, shuffle=False, verbose=0)
        train_loss.append(seen.history["loss"][0])
        val_loss.append(cross_entropy(logits_of(net, val_windows), np.asarray(val_labels)))
        if val_loss[-1] == min(val_loss):
            kept = net.get_weights()
    net.set_weights(kept)
    return net, train_loss, val_loss


def train_and_predict(signals, fs, labels, split, seed):
    windows, labels = preprocess(signals, fs), np.asarray(labels)
    train, val = split["train"], split["val"]
    net, train_loss, val_loss = fit(windows[train], labels[train], windows[val], labels[val], seed)
    probability = 1 / (1 + np.exp(-logits_of(net, windows)))
    return {"probability": probability, "threshold": 0.5, "train_loss": train_loss, "val_loss": val_loss}
