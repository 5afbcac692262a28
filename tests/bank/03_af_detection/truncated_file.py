# ---
# kind: broken
# title: The upload broke off in the middle of the file
# raw: truncated
# status: failed
# ---
