# ---
# kind: broken
# title: An answer that does not end
# expect: {explore: 6, split: 12, evaluate: 0}
# says: {evaluate: [did not answer in time]}
# empty: [preprocess, network, train, predict, perform]
# ---
# %% task="evaluate"
def evaluate(labels, probability, threshold):
    while True:
        try:
            import time

            time.sleep(3600)
        except KeyboardInterrupt:  # a bare retry swallows the interrupt
            pass


def choose_threshold(labels, probability, cost_missed, cost_false_alarm):
    return 0.5
