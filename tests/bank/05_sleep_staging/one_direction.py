# ---
# kind: wrong
# title: "The LSTM only reads forwards"
# expect: {networks: [6, 7.5]}
# says: {networks: [the LSTM is not bidirectional]}
# empty: [train, perform]
# ---
# %% task="networks" change
# was
        self.lstm = nn.LSTM(96, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 5)
# now
        self.lstm = nn.LSTM(96, 32, batch_first=True)
        self.out = nn.Linear(32, 5)
