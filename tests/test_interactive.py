"""The figures with controls: what they show at every setting, their still picture, and JupyterLab in a real browser."""

import base64
import io
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from PIL import Image
from scipy import signal as sps

from physiodl import interactive, panel, signals

FS = 250.0
ROOT = Path(__file__).resolve().parent.parent
MAKE = """
import numpy as np
from physiodl import interactive
t = np.arange(0, 12, 1 / 250)
beat = np.exp(-0.5 * ((t % 0.8 - 0.4) / 0.012) ** 2)
"""


def two_rhythms(seconds=12.0):
    """9 and 11 Hz of 20 uV each, a bit of noise."""
    t = np.arange(0, seconds, 1 / FS)
    noise = np.random.default_rng(0).standard_normal(len(t))
    return 20 * np.sin(2 * np.pi * 9 * t) + 20 * np.sin(2 * np.pi * 11 * t) + noise


def beats(seconds=12.0):
    """An R wave of 1 mV every 0.8 s, nothing between."""
    t = np.arange(0, seconds, 1 / FS)
    return np.exp(-0.5 * ((t % 0.8 - 0.4) / 0.012) ** 2)


def every_setting(figure):
    for values in itertools.product(*(each.values for each in figure.controls.values())):
        yield dict(zip(figure.controls, values, strict=True))


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


MAKERS = {
    "aliasing": lambda: interactive.aliasing(beats(), FS),
    "stft_window": lambda: interactive.stft_window(two_rhythms(), FS),
    "filter_response": lambda: interactive.filter_response(beats(), FS),
}
STILL = {
    "aliasing": [{"rate_hz": 250}, {"rate_hz": 51}],
    "stft_window": [{"window_s": 0.25}, {"window_s": 2.0}],
    "filter_response": [{"runs": "forwards"}, {"runs": "both ways"}],
}


# ---- what the figures show, over the whole range of their controls -------------------------------------


def test_aliasing_tells_the_frequency_that_the_samples_have():
    figure = interactive.aliasing(beats(), FS)
    for setting in every_setting(figure):
        figure.draw(**setting)
        rate, wave = setting["rate_hz"], setting["wave_hz"]
        t, stored = figure.moving["samples"].get_data()
        assert np.allclose(np.diff(t), 1 / rate)
        fine, seen = figure.moving["seen"].get_data()
        assert np.allclose(np.interp(t, fine, seen), stored, atol=0.02), setting  # the curve goes through the samples
        true = figure.moving["true"].get_ydata()
        assert np.allclose(np.interp(t, fine, true), stored, atol=0.02), setting
        at, alias = (float(value[0]) for value in figure.moving["place"].get_data())
        # the nearest multiple of the rate, found by trying them all
        assert at == wave and np.isclose(alias, min(abs(wave - k * rate) for k in range(10)))
        assert ("is stored as what it is" in figure.says) == (wave < rate / 2)
        if wave >= rate / 2:
            assert f"<b>{alias:g} Hz</b>" in figure.says
        t, mixed = figure.moving["stored"].get_data()
        assert t[-1] < 3 and np.isclose(t[1], 1 / rate) and np.ptp(mixed) > 0.5


def test_aliasing_puts_the_oscillation_on_the_ecg():
    """50 Hz at a rate of 51 Hz is a wander of 1 Hz in what is stored; at 250 Hz it is not."""
    figure = interactive.aliasing(np.zeros(1000), FS)
    slow = {}
    for rate in (51, 250):
        figure.draw(rate_hz=rate, wave_hz=50)
        t, stored = figure.moving["stored"].get_data()
        slow[rate] = abs(np.mean((stored - stored.mean()) * np.exp(-2j * np.pi * 1.0 * t)))
    assert slow[51] > 0.06 and slow[250] < 0.006  # half of 0.15 mV, and almost nothing


def test_stft_window_shows_what_the_package_computes():
    figure = interactive.stft_window(two_rhythms(), FS, max_hz=25)
    x = two_rhythms(8.0)
    for setting in every_setting(figure):
        figure.draw(**setting)
        freqs, times, amplitude = signals.stft(x, FS, **setting)
        shown = np.asarray(figure.moving["picture"].get_array())
        assert np.allclose(shown, amplitude[: len(shown)])
        left, right, bottom, top = figure.moving["picture"].get_extent()
        hop, df = (right - left) / shown.shape[1], (top - bottom) / shown.shape[0]
        assert np.isclose(left + hop / 2, times[0]) and np.isclose(df, freqs[1]) and top >= 25
        assert np.isclose(hop, setting["window_s"] * (1 - setting["overlap"]), atol=1.01 / FS)
        assert f"<b>{2 / setting['window_s']:.2g} Hz</b>" in figure.says
        drawn, following = (figure.moving[name].get_xdata() for name in ("window", "next"))
        assert np.isclose(np.ptp(drawn), setting["window_s"]) and np.isclose(following[0] - drawn[0], hop)


@pytest.mark.parametrize(("window_s", "separate"), [(0.25, False), (0.5, False), (2.0, True), (4.0, True)])
def test_stft_window_separates_two_rhythms_only_when_long(window_s, separate):
    figure = interactive.stft_window(two_rhythms(), FS)
    figure.draw(window_s=window_s, overlap=0.75)
    column = np.asarray(figure.moving["picture"].get_array()).mean(axis=1)
    freqs = np.arange(len(column)) / window_s
    between, at = np.interp(10.0, freqs, column), np.interp([9.0, 11.0], freqs, column).min()
    assert (between < 0.5 * at) == separate


def test_filter_response_shows_gain_and_signal_of_the_same_filter():
    figure = interactive.filter_response(beats(), FS)
    ecg = beats() - np.median(beats())
    shown = slice(len(ecg) - round(4 * FS), len(ecg) - round(FS))
    for setting in every_setting(figure):
        figure.draw(**setting)
        hertz, decibel = figure.moving["gain"].get_data()
        both = setting["runs"] == "both ways"
        at = np.interp(np.log(setting["cutoff_hz"]), np.log(hertz), decibel)
        assert np.isclose(at, -6.02 if both else -3.01, atol=0.01), setting  # a Butterworth's half power
        passes = hertz < setting["cutoff_hz"] / 4 if setting["kind"] == "lowpass" else hertz > 4 * setting["cutoff_hz"]
        assert np.all(decibel[passes] > -1.0), setting
        sos = sps.butter(setting["order"], setting["cutoff_hz"], setting["kind"], fs=FS, output="sos")
        expected = (sps.sosfiltfilt if both else sps.sosfilt)(sos, ecg)[shown]
        assert np.allclose(figure.moving["filtered"].get_ydata(), expected)
        assert "order {order}, {runs}".format(**setting) in figure.says


def test_filter_response_tells_delay_and_height():
    figure = interactive.filter_response(beats(), FS)
    figure.draw(kind="lowpass", cutoff_hz=20.0, order=4, runs="forwards")
    assert "-3 dB" in figure.says
    late = float(figure.says.split("waves come <b>")[1].split(" ms")[0])
    assert 15 < late < 30  # its group delay is 21 ms at 0 Hz
    figure.draw(runs="both ways")
    assert "-6 dB" in figure.says and "<b>0 ms</b> later" in figure.says


# ---- the panel: every change repaints, nothing that is not asked for -----------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_changes_the_picture_and_back(name):
    figure = MAKERS[name]()
    before = figure.draw().copy()
    for control, each in figure.controls.items():
        seen = [figure.draw(**{control: value}).tobytes() for value in each.values]
        assert len(set(seen)) == len(seen), f"{control}: two values give the same picture"
        assert np.array_equal(figure.draw(**{control: each.start}), before), "something of an earlier setting stays"


@pytest.mark.parametrize("name", MAKERS)
def test_sliders_drive_the_image(name):
    """What a browser does, without one: a slider's value changes, and the image and the sentence follow."""
    figure = MAKERS[name]()
    box = figure.widget()
    *sliders, picture, sentence = box.children
    assert [slider.description for slider in sliders] == [each.label for each in figure.controls.values()]
    for slider, (control, each) in zip(sliders, figure.controls.items(), strict=True):
        for value in (*each.values, each.start):
            slider.value = value
            assert figure.values[control] == value
            assert np.array_equal(opened(picture.value), figure.draw())
            assert sentence.value == figure.says


@pytest.mark.parametrize("name", MAKERS)
def test_unknown_values_are_refused_with_the_known_ones(name):
    figure = MAKERS[name]()
    control = next(iter(figure.controls))
    for wrong in ({control: "nonsense"}, {"nonsense": 1}):
        with pytest.raises(ValueError, match="expected one of"):
            figure.draw(**wrong)
    with pytest.raises(ValueError, match="expected one of"):
        panel.control("label", (1, 2), 3)


@pytest.mark.parametrize("make", [interactive.aliasing, interactive.stft_window, interactive.filter_response])
def test_too_short_recordings_are_refused(make):
    with pytest.raises(ValueError, match="expected one channel"):
        make(np.zeros(100), FS)
    with pytest.raises(ValueError, match="expected one channel"):
        make(np.zeros((1, 5000)), FS)


def test_slow_recordings_leave_out_cut_offs_that_they_cannot_have():
    figure = interactive.filter_response(beats()[::2], 125.0)
    assert max(figure.controls["cutoff_hz"].values) < 62.5
    for cutoff in figure.controls["cutoff_hz"].values:
        figure.draw(cutoff_hz=cutoff)


# ---- where no control can be moved ---------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_still_picture_holds_two_settings(name):
    figure = MAKERS[name]()
    start, settings = dict(figure.values), STILL[name]
    still, one = opened(figure.still()), figure.draw()
    assert figure.values == start, "making the still picture must not move the controls"
    assert still.shape[1] == one.shape[1] and still.shape[0] > 2 * one.shape[0]
    half = still.shape[0] // 2
    for part, setting in zip((still[:half], still[half:]), settings, strict=True):
        assert np.array_equal(part[: len(one)], figure.draw(**{**start, **setting}))
        assert (part[len(one) :] < 128).any(), "no sentence under the picture"


def test_outside_a_notebook_there_is_only_the_picture(monkeypatch):
    monkeypatch.delenv(panel.SWITCH, raising=False)
    assert not panel.can_interact()
    bundle = MAKERS["aliasing"]()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert opened(base64.b64decode(bundle["image/png"])).ndim == 3


def test_switch_overrules(monkeypatch):
    monkeypatch.setenv(panel.SWITCH, "1")
    bundle = MAKERS["aliasing"]()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png", panel.WIDGET_VIEW}
    assert bundle[panel.WIDGET_VIEW]["model_id"]
    monkeypatch.setenv(panel.SWITCH, "0")
    assert not panel.can_interact()


def a_notebook(path):
    cells = [nbformat.v4.new_code_cell(MAKE + "interactive.aliasing(beat, 250.0)")]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=about), path)
    return path


@pytest.mark.parametrize("switch", ["", "1"])
def test_papermill_and_nbconvert_show_the_picture(tmp_path, monkeypatch, switch):
    """Executed without a person, the page has the still picture; so it has where a widget's state was not stored."""
    from nbconvert import HTMLExporter

    monkeypatch.setenv(panel.SWITCH, switch)
    done = papermill.execute_notebook(
        a_notebook(tmp_path / "in.ipynb"), tmp_path / "out.ipynb", kernel_name="python3", progress_bar=False
    )
    (output,) = (out for out in done.cells[0].outputs if "image/png" in out.get("data", {}))
    assert (panel.WIDGET_VIEW in output.data) == (switch == "1")
    done.metadata.pop("widgets", None)
    html, _ = HTMLExporter().from_notebook_node(done)
    assert output.data["image/png"][:200] in html.replace("\n", "")


# ---- JupyterLab in a real browser ----------------------------------------------------------------------


def browser_path():
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "chrome")]
    return next(filter(None, found), None)


@pytest.fixture
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[test]'")
    path = browser_path()
    with api.sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no browser: install chromium (apt install chromium) or run playwright install chromium")
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a notebook with one of the figures: the address of that notebook."""
    a_notebook(tmp_path / "figure.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {f"JUPYTER_{what}_DIR": str(tmp_path / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
    home |= {"HOME": str(tmp_path), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"), "PYTHONPATH": str(ROOT)}
    home |= {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces")}
    environ = {key: value for key, value in os.environ.items() if key != panel.SWITCH} | home
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.root_dir={tmp_path}",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=open",
    ]  # fmt: skip
    with open(tmp_path / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=open", timeout=5).read()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree/figure.ipynb?token=open"
    finally:
        server.terminate()
        server.wait(30)


def run_first_cell(tab):
    """Run the notebook's only cell; gives the figure's image. Asked too early, JupyterLab wants a kernel chosen."""
    picture = tab.locator(".jp-OutputArea img.widget-image").first
    cell, choose = tab.locator(".jp-Notebook .jp-CodeCell").first, tab.locator(".jp-Dialog .jp-mod-accept").first
    cell.wait_for(timeout=120_000)
    for _ in range(60):
        if choose.is_visible():
            choose.click()
        elif cell.locator(".jp-InputPrompt").inner_text().strip() == "[ ]:":
            cell.locator(".cm-content").press("Shift+Enter", timeout=60_000)
        tab.wait_for_timeout(2000)
        if picture.is_visible():
            break
    picture.wait_for(timeout=1000)
    return picture


@pytest.mark.slow
def test_a_slider_moves_the_figure_in_jupyterlab(browser, lab):
    """Somebody opens the notebook, runs the cell, presses the arrow key on a slider, and the figure follows."""
    tab = browser.new_page(viewport={"width": 1400, "height": 1200})
    tab.goto(lab, timeout=120_000)
    picture = run_first_cell(tab)
    sentence = tab.locator(".jp-OutputArea .widget-html-content").first
    assert "50 Hz sampled at 250 Hz" in sentence.inner_text()

    def pixels():
        """What the image element holds, as the browser decoded it."""
        script = """async (image) => {
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL("image/png");
        }"""
        return opened(base64.b64decode(picture.evaluate(script).split(",")[1]))

    figure = interactive.aliasing(np.exp(-0.5 * ((np.arange(0, 12, 1 / 250) % 0.8 - 0.4) / 0.012) ** 2), 250.0)
    assert np.array_equal(pixels(), figure.draw()), "the browser shows another picture than the figure drew"
    tab.locator(".jp-OutputArea .noUi-handle").first.press("ArrowLeft")
    tab.wait_for_function("text => document.querySelector('.widget-html-content').innerText.includes(text)",
                          arg="50 Hz sampled at 200 Hz", timeout=60_000)  # fmt: skip
    assert np.array_equal(pixels(), figure.draw(rate_hz=200)), "the slider moved, the figure did not follow"
