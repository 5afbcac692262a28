# ---
# kind: wrong
# title: "batch_first is forgotten: the LSTM runs from one sequence, and night, into the next"
# expect: {networks: [3, 6]}
# says: {networks: [runs from one sequence]}
# empty: [train, perform]
# ---
# %% task="networks" change
# was
        self.lstm = nn.LSTM(96, 32, batch_first=True, bidirectional=True)
# now
        self.lstm = nn.LSTM(96, 32, bidirectional=True)
# was
        length = x.shape[1]
# now
# was
        packed = nn.utils.rnn.pack_padded_sequence(h, present.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=length)
        return self.out(self.dropout(h))
# now
        return self.out(self.dropout(self.lstm(h)[0]))
