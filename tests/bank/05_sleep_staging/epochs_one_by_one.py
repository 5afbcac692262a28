# ---
# kind: wrong
# title: "Each epoch is judged by itself: no network over the sequence"
# expect: {networks: [6, 7], train: [8, 10], perform: [0, 5]}
# says: {networks: [no network over the sequence], train: [epochs judged one by one]}
# ---
# %% task="networks" change
# was
        self.lstm = nn.LSTM(96, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 5)
# now
        self.out = nn.Linear(96, 5)
# was
        length = x.shape[1]
# now
# was
        packed = nn.utils.rnn.pack_padded_sequence(h, present.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=length)
# now
