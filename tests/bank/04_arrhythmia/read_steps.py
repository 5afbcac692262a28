# ---
# kind: wrong
# title: "Steps of the converter instead of mV"
# expect: {read: 4, filter: 12}
# says: {read: [steps of the converter]}
# empty: [train, perform, leak]
# ---
# %% task="read"
def read_record(folder, name):
    """One WFDB record: dict of fs, signals (leads, samples) in mV, leads, beats, rhythms, subject."""
    record = wfdb.rdrecord(f"{folder}/{name}", physical=False)
    marks = wfdb.rdann(f"{folder}/{name}", "atr")
    order = sorted(range(record.n_sig), key=lambda k: record.sig_name[k] != "MLII")
    is_beat = np.isin(marks.symbol, list(probe.BEATS))
    notes = [(int(at), note.strip("\x00")) for at, note in zip(marks.sample, marks.aux_note, strict=True) if note.startswith("(")]
    stops = [start for start, _ in notes[1:]] + [record.sig_len]
    said = [line.split(":")[1].strip() for line in record.comments if line.startswith("subject:")]
    return {
        "fs": float(record.fs),
        "signals": record.d_signal.T[order].astype(float),
        "leads": [record.sig_name[k] for k in order],
        "beats": np.asarray(marks.sample)[is_beat],
        "rhythms": [(start, stop, label) for (start, label), stop in zip(notes, stops, strict=True)],
        "subject": said[0] if said else {"202": "201"}.get(name, name),
    }


def read_files(files):
    """`read_record` for a record that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (folder, name):
        return read_record(folder, name)
