"""The player: what it shows at any moment is what had come by then; its pace, its buttons, its still picture."""

import asyncio
import base64
import functools
import io
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.manager import run_kernel
from PIL import Image

from physiodl import panel, player
from physiodl.player_board import EEG_S
from physiodl.streaming import Decision
from physiodl.streaming_filters import Fill, band

SECONDS, HOP_S, WINDOW_S = 12.0, 0.25, 2.0
TRUTH = ([0.0, 4.0, 8.0], [0, 2, 1])


def session(seed=0):
    """EEG whose amplitude tells the level (5, 10 or 15 uV), pupil with a blink."""
    rng = np.random.default_rng(seed)
    level = np.array(TRUTH[1])[np.minimum(np.arange(round(125 * SECONDS)) // 500, 2)]
    pupil = 4 + 0.05 * rng.standard_normal(round(60 * SECONDS))
    pupil[300:312] = np.nan
    return 5 * (1 + level) * rng.standard_normal((3, len(level))) + 100, pupil


def by_amplitude(window):
    """Probabilities that know nothing but the spread of the EEG: 5 uV are 3.95 between 1 and 40 Hz."""
    if window.valid["eeg"] < 0.5:
        return np.full(3, np.nan)
    p = np.exp(-np.abs(window.values["eeg"].std() / 3.95 - np.array([1, 2, 3])) * 4)
    return p / p.sum()


def make(seed=0, *, arrays=None, **options):
    eeg, pupil = session(seed) if arrays is None else arrays
    given = {
        "truth": TRUTH, "window_s": WINDOW_S, "hop_s": HOP_S, "eeg_steps": band(125.0, low=1.0, high=40.0),
        "pupil_steps": Fill(60.0, after_s=0.1), "label": "simulated", **options,
    }  # fmt: skip
    return player.live(eeg, pupil, by_amplitude, **given)


@functools.cache
def _plain():
    return make()


def plain():
    """One player for many tests, at its beginning: making a figure takes longer than playing it."""
    shown = _plain()
    vars(shown).pop("draw", None)  # see Clock.follow
    shown.speed = 1
    shown.session.restart()
    shown.draw(hop=0)
    return shown


def estimates(shown):
    return [(each.time_s, each.probabilities.tolist(), each.level) for each in shown.session.estimates]


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


# ---- what it shows --------------------------------------------------------------------------------------


def test_shows_what_came_and_what_was_made_of_it():
    eeg, pupil = session()
    shown = make(show=[2, 0], channels=["Fz", "Cz", "Pz"])
    shown.draw(hop=34)  # 8.5 s
    t, y = shown.moving["eeg 0"].get_data()
    assert -EEG_S <= t[0] and t[-1] < 0
    # all but the packet on its way, and drawn where it belongs: traces are 1 apart, one unit is step_uv
    number = np.round((t + 8.5) * 125).astype(int)
    came = np.isfinite(y)
    assert came[: -round(0.1 * 125) - 1].all()
    slope = np.corrcoef(y[came], eeg[2, number[came]])[0, 1]
    assert slope > 0.95
    t, y = shown.moving["pupil"].get_data()
    np.testing.assert_array_equal(y[:400], pupil[np.round((t[:400] + 8.5) * 60).astype(int)])
    assert np.isnan(y[300:312]).all()
    t, y = shown.moving["true"].get_data()
    assert t.tolist() == [0, 4, 4, 8, 8, 8.5] and y.tolist() == [0, 0, 2, 2, 1, 1]
    for i in range(3):
        t, y = shown.moving[f"smooth {i}"].get_data()
        assert 8.0 <= t[-1] <= 8.5 and t[0] == WINDOW_S and np.allclose(np.diff(t), HOP_S)
        assert np.array_equal(y, [each.smoothed[i] for each in shown.session.estimates])
        assert np.array_equal(
            shown.moving[f"raw {i}"].get_ydata(), [each.probabilities[i] for each in shown.session.estimates]
        )
    bar = np.array(shown.moving["window"].get_xdata())
    assert np.allclose(bar + 8.5, [shown.session.estimates[-1].time_s - WINDOW_S, shown.session.estimates[-1].time_s])
    level = shown.moving["decided"].get_ydata()
    assert level[0] == 0 and level[-1] == 2, "it should have followed the first change and not yet the second"
    assert "true <b>medium</b>, decided <b>high</b>" in shown.says and "8.50 s" in shown.says


def test_share_that_was_right_is_told():
    shown = plain()
    shown.draw(hop=48)
    made = shown.session.estimates
    true = [0 if each.time_s < 4 else 2 if each.time_s < 8 else 1 for each in made]
    right = np.mean([each.level == level for each, level in zip(made, true, strict=True)])
    assert 0.5 < right < 1 and f"right {100 * right:.0f} % of the time" in shown.says


def test_before_the_first_window_it_says_so():
    shown = plain()
    shown.draw(hop=5)
    assert "no whole window of 2 s yet" in shown.says and not shown.session.estimates
    assert len(shown.moving["smooth 0"].get_xdata()) == 0


ROUGH = {"lost": 0.1, "jitter_s": 0.05, "duplicated": 0.1, "dead": {"pupil": (5.0, 8.0)}}


@pytest.mark.parametrize("line", [{}, ROUGH])
def test_how_fast_it_is_played_changes_no_estimate(line):
    shown, rng = make(source=line) if line else plain(), np.random.default_rng(0)
    for hop in [*np.sort(rng.choice(48, size=6, replace=False)), 48]:
        shown.draw(hop=int(hop))
    steps, counts = estimates(shown), shown.session.streams.counts()
    shown.session.restart()
    shown.draw(hop=48)
    assert estimates(shown) == steps and len(steps) > 30
    assert shown.session.streams.counts() == counts and (counts["pupil"]["missing"] > 200) == bool(line)


def test_picture_knows_no_future():
    """Recordings that differ from 6 s on give the same picture until then, and another one after it."""
    eeg, pupil = session()
    other = eeg.copy(), pupil.copy()
    other[0][:, 750:] += 40 * np.sin(np.arange(750))
    other[1][360:] = 4.5
    one, two = plain(), make(arrays=other)
    for hop, same in ((12, True), (24, True), (30, False)):
        one.draw(hop=hop), two.draw(hop=hop)
        assert (estimates(one) == estimates(two)) == same
        pairs = [(one.moving[name].get_ydata(), two.moving[name].get_ydata()) for name in ("smooth 0", "decided")]
        assert all(np.array_equal(a, b) for a, b in pairs) == same


def test_going_back_shows_what_was_known_then():
    shown = make(source={"jitter_s": 0.2})
    known = {}
    for hop in (16, 30, 48):
        shown.draw(hop=hop)
        known[hop] = [np.array(shown.moving[name].get_data()) for name in ("smooth 1", "decided", "true")]
    for hop in (30, 16, 48):
        shown.draw(hop=hop)
        for name, wanted in zip(("smooth 1", "decided", "true"), known[hop], strict=True):
            assert np.array_equal(np.array(shown.moving[name].get_data()), wanted)
    assert len(shown.session.estimates) == len(known[48][0][0]), "going back computed something again"


def test_lost_packets_leave_gaps_and_are_told():
    shown = make(source={"dead": {"pupil": (5.0, 9.0)}})
    shown.draw(hop=40)
    t, y = shown.moving["pupil"].get_data()
    assert np.isnan(y[(t > -4.8) & (t < -1.2)]).all() and np.isfinite(y[(t < -5.3) & (t > -9) & (y > 0)]).all()
    assert "Lacking now: pupil" in shown.says


def test_pupil_of_another_clock_is_drawn_and_read_where_it_belongs():
    """The pupil's clock begins 1.5 s later: a step in it at 3 s of its own is one at 4.5 s."""
    eeg, pupil = session()
    pupil = np.where(np.arange(len(pupil)) < 180, 3.5, 4.5)
    seen = []

    def model(window):
        seen.append((window.start_s, window.values["pupil"][0].copy()))
        return np.array([1.0, 0.0, 0.0])

    shown = player.live(eeg, pupil, model, truth=TRUTH, window_s=WINDOW_S, pupil_start_s=1.5)
    shown.draw(hop=24)
    t, y = shown.moving["pupil"].get_data()
    assert t[0] + 6.0 == pytest.approx(1.5) and np.array_equal(y[np.isfinite(y)] > 4, (t + 6.0 >= 4.5)[np.isfinite(y)])
    assert seen[0][0] == 1.5 and len(seen) > 8
    for start, values in seen:
        assert np.array_equal(values > 4, start + np.arange(len(values)) / 60 >= 4.5 - 1e-9)


def test_starting_again_forgets():
    shown = plain()
    shown.draw(hop=48)
    first = estimates(shown)
    shown.session.restart()
    shown.draw(hop=0)
    assert not shown.session.estimates and np.isnan(shown.session.arrived["eeg"]).all()
    shown.draw(hop=48)
    assert estimates(shown) == first


# ---- time -----------------------------------------------------------------------------------------------


class Clock:
    """Time that passes only when somebody sleeps, or paints (``cost`` seconds a picture)."""

    def __init__(self, cost=0.0):
        self.now, self.cost, self.seen = 0.0, cost, []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds

    def follow(self, shown, *, act=None):
        def draw(hop):  # pace alone: painting is the slow part
            shown.session.until(hop)
            shown.values["hop"] = hop

        def show():
            self.now += self.cost
            self.seen.append((self.now, shown.values["hop"]))
            if act is not None:
                act(len(self.seen))

        shown.draw = draw
        asyncio.run(shown.run(show, clock=self, sleep=self.sleep))
        return np.array(self.seen).T


@pytest.mark.parametrize("speed", [1, 5])
def test_plays_in_time(speed):
    shown, clock = plain(), Clock()
    shown.speed = speed
    now, hop = clock.follow(shown)
    assert hop[-1] == shown.hops == 48 and not shown.playing
    assert np.array_equal(hop, np.arange(1, 49)), "a machine with time to spare shows every hop"
    np.testing.assert_allclose(now, hop * HOP_S / speed, atol=0.055)


def test_leaves_out_pictures_when_they_take_too_long():
    shown, clock = plain(), Clock(cost=0.4)
    shown.speed = 2
    now, hop = clock.follow(shown)
    assert len(hop) < 20 and hop[-1] == 48
    np.testing.assert_allclose(now[:-1] - 0.4, hop[:-1] * HOP_S / 2, atol=0.18)  # to the hop: the clock is kept
    made = estimates(shown)
    again = plain()
    again.draw(hop=48)
    assert estimates(again) == made


def test_goes_as_fast_as_it_can_when_asked_for_more(monkeypatch):
    monkeypatch.setattr(player, "MOST_HOPS", 4)
    shown, clock = plain(), Clock(cost=1.0)
    shown.speed = 50
    _, hop = clock.follow(shown)
    assert hop[-1] == 48 and np.diff(np.r_[0, hop]).max() <= 4, "one picture must not take all the time"


def test_speed_and_place_change_while_it_plays():
    shown, clock = plain(), Clock()

    def act(pictures):
        if pictures == 8:
            shown.speed = 10
        if pictures == 16:
            shown.draw(hop=40)
        if pictures == 20:
            shown.playing = False

    now, hop = clock.follow(shown, act=act)
    assert hop.tolist() == [*range(1, 17), *range(41, 45)]
    assert now[7] == pytest.approx(2.0, abs=0.06) and now[15] - now[7] == pytest.approx(0.2, abs=0.06)
    assert not shown.playing and shown.session.hop == 44


# ---- buttons --------------------------------------------------------------------------------------------


def parts(box):
    buttons, picture, sentence = box.children
    return (*buttons.children, picture, sentence)


def test_buttons_drive_the_picture():
    """What a browser does, without one: press, let it run, press again, move the slider, start again."""
    shown = plain()

    async def somebody():
        play, back, speed, slider, picture, sentence = parts(shown.widget())
        empty = picture.value
        speed.value = 50
        play.value = True
        assert play.description == "pause" and shown.speed == 50
        while play.value:
            await asyncio.sleep(0.01)
        assert play.description == "play" and slider.value == shown.values["hop"] == 48 and not shown.playing
        assert np.array_equal(opened(picture.value), shown.draw()) and sentence.value.startswith("12.00 s")
        slider.value = 20
        assert shown.values["hop"] == 20 and sentence.value.startswith("5.00 s") and picture.value != empty
        back.click()
        assert slider.value == 0 and not shown.session.estimates
        assert np.array_equal(opened(picture.value), opened(empty))
        speed.value = 1
        play.value = True
        await asyncio.sleep(0)
        play.value = False
        await asyncio.sleep(0.05)
        assert shown.values["hop"] < 48 and not shown.playing

    asyncio.run(somebody())


def test_error_of_the_model_is_told_and_not_swallowed():
    def broken(window):
        raise RuntimeError("no <such> layer")

    eeg, pupil = session()
    shown = player.live(eeg, pupil, broken, truth=TRUTH, window_s=WINDOW_S)

    async def somebody():
        play, _, speed, _, _, sentence = parts(shown.widget())
        speed.value, play.value = 50, True
        while play.value:
            await asyncio.sleep(0.01)
        assert "no &lt;such&gt; layer" in sentence.value

    asyncio.run(somebody())


KERNEL = """
import sys
sys.path.insert(0, {tests!r})
from physiodl import player
from test_player import make
player.MOST_HOPS = 3  # however busy the machine is, there are pictures on the way
shown = make()
box = shown.widget()
print(*(each.model_id for each in (*box.children[0].children, *box.children[1:])))
"""


def test_buttons_answer_while_it_plays_in_a_kernel():
    """What JupyterLab sends when somebody presses, and what comes back, while the kernel has nothing else to do."""
    with run_kernel(kernel_name="python3") as client:

        def until(wanted):
            for _ in range(2000):
                message = client.get_iopub_msg(timeout=120)
                assert message["msg_type"] != "error", message["content"]
                if (found := wanted(message["msg_type"], message["content"])) is not None:
                    return found
            raise AssertionError("it never came")

        def press(model, **state):
            content = {"comm_id": model, "data": {"method": "update", "state": state, "buffer_paths": []}}
            client.shell_channel.send(client.session.msg("comm_msg", content))

        def told(model, key):
            """The next value of a widget that the kernel sends by itself."""

            def wanted(kind, content):
                update = kind == "comm_msg" and content["comm_id"] == model and content["data"].get("state", {})
                return update.get(key) if update else None

            return wanted

        client.execute(KERNEL.format(tests=str(Path(__file__).parent)))
        play, _, speed, slider, _, sentence = until(
            lambda kind, content: content["text"].split() if kind == "stream" and content["name"] == "stdout" else None
        )
        press(speed, index=1)  # 2 x real time
        press(play, value=True)
        assert until(told(play, "description")) == "pause"
        places = [until(told(slider, "value")) for _ in range(3)]
        assert places == sorted(set(places)) and 0 < places[0] < 48
        press(play, value=False)
        assert until(told(play, "description")) == "play"
        press(slider, value=30)
        assert until(lambda *message: (s := told(sentence, "value")(*message)) and s.startswith("7.50 s") or None)


# ---- where nobody can press -----------------------------------------------------------------------------


def test_without_widgets_there_is_the_picture_of_the_end(monkeypatch):
    monkeypatch.delenv(panel.SWITCH, raising=False)
    shown = plain()
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"} and "12 s" in bundle["text/plain"]
    assert shown.values["hop"] == 0 and not shown.session.estimates, "the picture of the end must not be kept"
    pixels = opened(base64.b64decode(bundle["image/png"]))
    shown.draw(hop=48)
    assert np.array_equal(pixels[: -panel.DPI // 5 * 2][:600], shown.draw()[:600])
    monkeypatch.setenv(panel.SWITCH, "1")
    assert panel.WIDGET_VIEW in plain()._repr_mimebundle_()


# ---- bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [([0.0, 4.0], [0]), ([4.0, 0.0], [0, 1]), ([0.0], [3]), ([], [])])
def test_truth_that_cannot_be(truth):
    with pytest.raises(ValueError, match="rising seconds"):
        make(truth=truth)


def test_two_pupils_are_refused():
    eeg, pupil = session()
    with pytest.raises(ValueError, match="one eye"):
        make(arrays=(eeg, np.stack([pupil, pupil])))


def test_decision_given_is_the_one_used():
    calm, quick = (make(decision=Decision(hop_s=HOP_S, tau_s=tau)) for tau in (3.0, 0.0))
    for shown in (calm, quick):
        shown.draw(hop=30)
    first = [next(t for t, _, level in estimates(shown) if level == 2) for shown in (quick, calm)]
    assert first[0] < first[1]
