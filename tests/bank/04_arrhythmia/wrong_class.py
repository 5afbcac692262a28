# ---
# kind: wrong
# title: "The probability of normal rhythm is returned"
# expect: {perform: 0}
# says: {perform: [probability of normal rhythm]}
# empty: [leak]
# ---
# %% task="perform"
# train on the class's cohort here, once, and choose your threshold:
folds = patient_folds(cohort.labels, cohort.subjects, 5, SEED)
nets, held, tested = [], np.zeros(len(cohort)), np.zeros(len(cohort))
for number, fold in enumerate(folds):
    nets.append(fit(cohort.signals[fold["train"]], cohort.labels[fold["train"]], 10 * SEED + number))
    held[fold["val"]] = probability_of(nets[-1], cohort.signals[fold["val"]])
    tested[fold["test"]] = probability_of(nets[-1], cohort.signals[fold["test"]])
threshold = 0.5 + (f1_threshold(cohort.labels, held) - 0.5) / 2  # seven patients with AF cannot justify going further than half the way
of_patients = np.unique(cohort.subjects, return_inverse=True)[1]  # patients as whole numbers
result = report(cohort.labels, (tested >= threshold).astype(int), of_patients, SEED)
print(f"threshold {threshold:.2f}; test patients of five folds (SIMULATED): mean F1 {result['mean_f1']:.2f}, 95 % interval "
      f"{result['interval'][0]:.2f} to {result['interval'][1]:.2f}, {len(result['f1'])} patients with AF")


def predict_af(windows, fs):
    """Probabilities (n,) of AF."""
    return 1 - np.mean([probability_of(net, windows) for net in nets], axis=0)


def classify_af(windows, fs):
    """Decisions (n,): 1 where AF is said."""
    return (predict_af(windows, fs) >= threshold).astype(int)
