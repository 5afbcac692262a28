# ---
# kind: reference
# title: "The solution that ships with the course"
# expect: {clean: 10, align: 10, windows: 10, branches: 10, fusion: 14, evaluate: 12, stream: 16, perform: 12}
# ---
