# ---
# kind: wrong
# title: "The LSTM reads the filled places too, and begins with them on its way back"
# expect: {networks: [5, 7]}
# says: {networks: [the backward direction reads the filled places first]}
# empty: [train, perform]
# ---
# %% task="networks" change
# was
        length = x.shape[1]
# now
# was
        packed = nn.utils.rnn.pack_padded_sequence(h, present.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=length)
        return self.out(self.dropout(h))
# now
        return self.out(self.dropout(self.lstm(h)[0]))
