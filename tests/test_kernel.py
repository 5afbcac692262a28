"""The connection to a student's kernel: what happens to it when that kernel dies."""

import subprocess
import sys

from autograder.klass import PROJECT

# A peer dies with messages of seven parts still on their way, as a kernel's are that was killed; in a process of its
# own, as the defect would end it.
READ = """
import subprocess, sys, tempfile, time, zmq
from autograder.kernel import limited
place = f"ipc://{tempfile.mkdtemp()}/s"
PEER = '''
import os, sys, time, zmq
peer = zmq.Context().socket(zmq.PUB)
peer.bind(sys.argv[1])
time.sleep(0.5)
for _ in range(300):
    peer.send_multipart([b"part"] * 7)
time.sleep(0.3)
os.kill(os.getpid(), 9)
'''
peer = subprocess.Popen([sys.executable, "-c", PEER, place])
time.sleep(0.3)
reader = limited(zmq.Context()).socket(zmq.SUB)
reader.subscribe(b"")
reader.connect(place)
sizes = [len(reader.recv_multipart())]
peer.wait()
time.sleep(0.3)
try:
    while True:  # without asking first: so libzmq learns of the death in the middle of a message
        sizes.append(len(reader.recv_multipart(zmq.NOBLOCK)))
except zmq.Again:
    pass
print(len(sizes), set(sizes), flush=True)
subprocess.Popen([sys.executable, "-c", PEER, place]).wait()  # another process at the same place is not listened to
print(reader.poll(0))
"""


def test_messages_of_a_peer_that_died_are_read_to_the_end_and_nobody_follows_it():
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, timeout=60, cwd=PROJECT)
    count, rest = done.stdout.split("\n")[0].split(" ", 1) if done.stdout else ("0", "")
    assert done.returncode == 0 and int(count) > 20 and rest == "{7}", (done.stdout, done.stderr)
    assert done.stdout.split("\n")[1] == "0"
