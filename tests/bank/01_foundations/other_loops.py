# ---
# kind: alternative
# title: Loops over every number, lists and dicts, no NumPy beyond arrays; scikit-learn's network for the beats
# expect: {dense: 12, conv: 18, loss: 12, slopes: 10, learn: 16, folds: 12, metrics: 12, beats: 8}
# ---
# %% task="dense"
class Dense:
    def __init__(self, weights, bias):
        self.w = [[float(v) for v in row] for row in weights]
        self.b = [float(v) for v in bias]

    def forward(self, x):
        self.x = [[float(v) for v in row] for row in x]
        out = []
        for row in self.x:
            out.append([])
            for j in range(len(self.b)):
                total = self.b[j]
                for i in range(len(row)):
                    total += self.w[j][i] * row[i]
                out[-1].append(total)
        return np.array(out)

    def backward(self, grad_out):
        n_out, n_in = len(self.b), len(self.w[0])
        grad_x = [[0.0] * n_in for _ in self.x]
        grad_w = [[0.0] * n_in for _ in range(n_out)]
        grad_b = [0.0] * n_out
        for n, row in enumerate(self.x):
            for j in range(n_out):
                g = float(grad_out[n][j])
                grad_b[j] += g
                for i in range(n_in):
                    grad_w[j][i] += g * row[i]
                    grad_x[n][i] += g * self.w[j][i]
        self.grad_weights, self.grad_bias = grad_w, grad_b
        return grad_x

# %% task="conv"
class Conv1d:
    def __init__(self, weights, bias, stride, padding):
        self.w, self.b, self.stride, self.padding = weights, bias, stride, padding

    def forward(self, x):
        self.x = x
        n, _, samples = np.shape(x)
        channels_out, channels_in, kernel = np.shape(self.w)
        self.steps = 1 + (samples + 2 * self.padding - kernel) // self.stride
        out = np.zeros((n, channels_out, self.steps))
        for b, o, t, c, k, place in self.meetings():
            out[b, o, t] += float(self.w[o, c, k]) * float(x[b, c, place])
        for o in range(channels_out):
            out[:, o] += self.b[o]
        return out

    def meetings(self):
        """Every meeting of a weight with a sample; what lies in the padding is zero and left out."""
        n, _, samples = np.shape(self.x)
        channels_out, channels_in, kernel = np.shape(self.w)
        for b in range(n):
            for o in range(channels_out):
                for t in range(self.steps):
                    for k in range(kernel):
                        place = t * self.stride + k - self.padding
                        if 0 <= place < samples:
                            for c in range(channels_in):
                                yield b, o, t, c, k, place

    def backward(self, grad_out):
        grad_x = np.zeros(np.shape(self.x))
        self.grad_weights = np.zeros(np.shape(self.w))
        self.grad_bias = np.zeros(len(self.b))
        for b, o, t, c, k, place in self.meetings():
            grad_x[b, c, place] += grad_out[b, o, t] * self.w[o, c, k]
            self.grad_weights[o, c, k] += grad_out[b, o, t] * self.x[b, c, place]
        for row in grad_out:
            for o in range(len(row)):
                self.grad_bias[o] += sum(row[o])
        return grad_x

# %% task="loss"
import math


def bce_from_logits(logits, labels):
    total = 0.0
    for z, y in zip(logits, labels):
        z = float(z)
        wrong = -z if y == 1 else z
        total += max(wrong, 0.0) + math.log1p(math.exp(-abs(wrong)))
    return total / len(logits)


def probability(z):
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (1 + math.exp(z))


def bce_gradient(logits, labels):
    return [(probability(float(z)) - float(y)) / len(logits) for z, y in zip(logits, labels)]

# %% task="slopes"
def probe(x):
    """Given, leave it as it is: the sum of cubes plus the square of the sum. Its gradient is 3 x**2 + 2 sum(x)."""
    x = np.asarray(x, dtype=float)
    return float(np.sum(x**3) + np.sum(x) ** 2)


def numeric_gradient(function, x, step):
    shape = np.shape(x)
    values = [float(v) for v in np.ravel(x)]
    slopes = []
    for k in range(len(values)):
        up = values[:k] + [values[k] + step] + values[k + 1 :]
        down = values[:k] + [values[k] - step] + values[k + 1 :]
        slopes.append((function(np.reshape(up, shape)) - function(np.reshape(down, shape))) / (step + step))
    return np.reshape(slopes, shape)


def relative_difference(a, b):
    a, b = [float(v) for v in np.ravel(a)], [float(v) for v in np.ravel(b)]
    lengths = math.hypot(*a) + math.hypot(*b)
    if lengths == 0:
        return 0
    return math.dist(a, b) / lengths

# %% task="learn"
def one_pass(row, w):
    sums = [sum(w["w1"][j][i] * row[i] for i in range(len(row))) + w["b1"][j] for j in range(len(w["b1"]))]
    return sums, sum(w["w2"][0][j] * max(sums[j], 0.0) for j in range(len(sums))) + w["b2"][0]


def train(features, labels, weights, learning_rate, epochs):
    rows = [[float(v) for v in row] for row in features]
    w = {name: np.array(values, float).tolist() for name, values in weights.items()}
    losses = []
    for _ in range(epochs):
        n_hidden, n_in = len(w["b1"]), len(rows[0])
        g = {"w1": [[0.0] * n_in for _ in range(n_hidden)], "b1": [0.0] * n_hidden, "w2": [[0.0] * n_hidden], "b2": [0.0]}
        loss = 0.0
        for row, y in zip(rows, labels):
            sums, z = one_pass(row, w)
            loss += max(z, 0) - z * float(y) + math.log1p(math.exp(-abs(z)))
            error = (probability(z) - float(y)) / len(rows)
            g["b2"][0] += error
            for j in range(n_hidden):
                if sums[j] > 0:
                    g["w2"][0][j] += error * sums[j]
                    g["b1"][j] += error * w["w2"][0][j]
                    for i in range(n_in):
                        g["w1"][j][i] += error * w["w2"][0][j] * row[i]
        losses.append(loss / len(rows))
        for name in w:
            w[name] = (np.array(w[name]) - learning_rate * np.array(g[name])).tolist()
    return {"loss": losses, "weights": w}


def predict(features, weights):
    return [probability(one_pass([float(v) for v in row], weights)[1]) for row in features]

# %% task="folds"
import random


def subject_folds(subjects, k, seed):
    different = sorted(set(list(subjects)))
    if len(different) < k:
        raise ValueError(f"{k} folds need {k} subjects, and there are {len(different)}")
    random.Random(seed).shuffle(different)
    hand = {}
    for number, subject in enumerate(different):
        hand[subject] = number % k
    folds = []
    for fold in range(k):
        test = [n for n, subject in enumerate(subjects) if hand[subject] == fold]
        train = [n for n, subject in enumerate(subjects) if hand[subject] != fold]
        folds.append((train, test))
    return folds


def standardise(train, other):
    train, other = np.array(train, float), np.array(other, float)
    for column in range(train.shape[1]):
        values = train[:, column].tolist()
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) or 1.0
        train[:, column] = (train[:, column] - mean) / spread
        other[:, column] = (other[:, column] - mean) / spread
    return train, other

# %% task="metrics"
def confusion(labels, predicted):
    table = [[0, 0], [0, 0]]
    for y, said in zip(labels, predicted):
        table[int(y)][int(said)] += 1
    return table


def scores(counts):
    tn, fp, fn, tp = (int(v) for v in np.ravel(counts))

    def over(a, b):
        return a / b if b else 0.0

    n = tn + fp + fn + tp
    found, right = over(tp, tp + fn), over(tp, tp + fp)
    by_chance = over(tp + fn, n) * over(tp + fp, n) + over(tn + fp, n) * over(tn + fn, n)
    return {
        "accuracy": over(tp + tn, n), "sensitivity": found, "specificity": over(tn, tn + fp), "ppv": right,
        "f1": over(2 * found * right, found + right), "kappa": over(over(tp + tn, n) - by_chance, 1 - by_chance),
    }


def roc_auc(labels, scores):
    ones = [float(s) for s, y in zip(scores, labels) if y == 1]
    zeros = [float(s) for s, y in zip(scores, labels) if y == 0]
    if not ones or not zeros:
        raise ValueError("both labels must occur")
    won = 0.0
    for one in ones:
        for zero in zeros:
            won += 1.0 if one > zero else 0.5 if one == zero else 0.0
    return won / (len(ones) * len(zeros))

# %% task="beats"
import warnings

from sklearn.neural_network import MLPClassifier


def classify_beats(features, labels, new_features, seed):
    a, b = standardise(features, new_features)
    net = MLPClassifier((8,), solver="adam", learning_rate_init=0.02, max_iter=60, alpha=1e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return net.fit(a, labels).predict_proba(b)[:, 1]


def cross_validate(features, labels, subjects, k, seed):
    answer = [0.0] * len(labels)
    for train, test in subject_folds(subjects, k, seed):
        for place, p in zip(test, classify_beats(features[train], labels[train], features[test], seed)):
            answer[place] = p
    return answer
