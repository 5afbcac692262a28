# ---
# kind: broken
# title: A test cell deleted, one copied, one tagged to be skipped
# expect: {explore: 6, split: 12, preprocess: 12, network: 12, evaluate: 10}
# empty: [train, predict, perform]
# drop: [explore-test]
# duplicate: [split-test]
# tags: {network-test: [skip-execution]}
# ---
