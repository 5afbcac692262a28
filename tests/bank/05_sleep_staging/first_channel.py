# ---
# kind: wrong
# title: "The first channel is taken, whatever its name"
# expect: {read: [2, 6]}
# says: {read: [another channel than EEG Fpz-Cz, another channel taken instead]}
# empty: [train, perform]
# ---
# %% task="read"
def read_night(psg, hypnogram):
    """One night: dict of fs (Hz), eeg (samples,) in uV, stages, subject, night."""
    from pathlib import Path

    names = mne.io.read_raw_edf(psg, verbose="error").ch_names
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", -1.0)) if name in names]
    name, sign = names[0], 1.0
    raw = mne.io.read_raw_edf(psg, include=[name], verbose="error")
    notes = mne.read_annotations(hypnogram)
    rows = zip(notes.onset, notes.duration, notes.description, strict=True)
    return {
        "fs": float(raw.info["sfreq"]),
        "eeg": sign * 1e6 * raw.get_data()[0],
        "stages": [(float(onset), float(duration), str(text)) for onset, duration, text in rows],
        "subject": Path(psg).name[:5],
        "night": Path(psg).name[:6],
    }


def read_files(files):
    """`read_night` for a night that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (psg, hypnogram):
        return read_night(psg, hypnogram)
