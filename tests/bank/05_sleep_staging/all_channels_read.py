# ---
# kind: wrong
# title: "All channels are read at once, at the rate of the fastest"
# expect: {read: [7, 9]}
# says: {read: [brings them to the highest rate]}
# empty: [train, perform]
# ---
# %% task="read"
def read_night(psg, hypnogram):
    """One night: dict of fs (Hz), eeg (samples,) in uV, stages, subject, night."""
    from pathlib import Path

    names = mne.io.read_raw_edf(psg, verbose="error").ch_names
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", -1.0)) if name in names]
    if not found:
        raise ValueError(f"{psg} has the channels {', '.join(names)}; expected EEG Fpz-Cz or EEG Cz-Fpz")
    name, sign = found[0]
    raw = mne.io.read_raw_edf(psg, verbose="error")
    notes = mne.read_annotations(hypnogram)
    rows = zip(notes.onset, notes.duration, notes.description, strict=True)
    return {
        "fs": float(raw.info["sfreq"]),
        "eeg": sign * 1e6 * raw.get_data(picks=[name])[0],
        "stages": [(float(onset), float(duration), str(text)) for onset, duration, text in rows],
        "subject": Path(psg).name[:5],
        "night": Path(psg).name[:6],
    }


def read_files(files):
    """`read_night` for a night that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (psg, hypnogram):
        return read_night(psg, hypnogram)
