# ---
# kind: broken
# title: "Handed in as it was handed out"
# expect: {clean: 0, align: 0, windows: 0, branches: 0, fusion: 0, evaluate: 0, stream: 0, perform: 0}
# says: {clean: ["not written yet"], stream: ["not written yet"], fusion: ["the answer cell was not run"], perform: ["the answer cell was not run"]}
# only: []
# ---
