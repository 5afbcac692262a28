# ---
# kind: wrong
# title: "The list of all epochs is cut into sequences, night after night"
# expect: {sequences: [3, 6]}
# says: {sequences: [the network would read from one night into the next, neighbours in the list are none in the night]}
# empty: [train, perform]
# ---
# %% task="sequences"
def make_sequences(nights, numbers, length):
    """(m, length) positions of epochs that follow one another in one night, -1 at the end where not filled."""
    nights, numbers = np.asarray(nights), np.asarray(numbers)
    order = np.lexsort((numbers, nights))
    night, number = nights[order], numbers[order]
    breaks = np.zeros(0, int)
    pieces = [s[a : a + length] for s in np.split(order, breaks) for a in range(0, len(s), length)]
    rows = np.full((len(pieces), length), -1)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = piece
    return rows


def put_back(answers, sequences, n):
    """(n, c) the answers (m, length, c) in the order of the epochs."""
    answers, sequences = np.asarray(answers), np.asarray(sequences)
    out = np.zeros((n, answers.shape[2]), answers.dtype)
    out[sequences[sequences >= 0]] = answers[sequences >= 0]
    return out
