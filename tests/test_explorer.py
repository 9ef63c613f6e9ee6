"""The explorer of thresholds and costs: its numbers, and its use by mouse, touch, keyboard and screen reader."""

import json
import re

import numpy as np
import pytest
from sklearn.metrics import recall_score
from test_book import EXTERNAL, browser  # noqa: F401

from helpers import evaluate, plots

COSTS = (1, 20)
THRESHOLDS = [0, 1 / 21, 0.2, 0.5, 1.01]


@pytest.fixture(scope="module")
def answers():
    """Whether 300 images of 200 lesions are melanomas, their probabilities, and their lesions."""
    rng = np.random.default_rng(0)
    is_melanoma = rng.random(300) < 0.2
    probability = np.round(np.clip(rng.normal(0.2 + 0.3 * is_melanoma, 0.2), 0.001, 0.999), 3)
    return is_melanoma, probability, rng.integers(200, size=300).astype(str)


@pytest.fixture(scope="module")
def points(answers):
    return evaluate.operating_points(*answers, THRESHOLDS, COSTS, resamples=200)


@pytest.fixture(scope="module")
def figure(points, answers):
    """The HTML of the explorer."""
    return plots.explorer(points, *answers[:2], 20, "Made-up images & lesions.").data


# What it computes


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_what_a_threshold_finds_and_costs_is_what_scikit_learn_and_a_count_say(points, answers, threshold):
    is_melanoma, probability, _ = answers
    cut = probability >= threshold
    row = points.loc[threshold].xs("value", level=1)
    assert row["sensitivity"] == pytest.approx(recall_score(is_melanoma, cut))
    assert row["specificity"] == pytest.approx(recall_score(~is_melanoma, ~cut))
    for cost in COSTS:
        harm = np.where(is_melanoma, cost * ~cut, cut)
        assert row[cost] == pytest.approx(1000 * harm.mean())


def test_an_image_at_the_threshold_is_acted_on():
    points = evaluate.operating_points([True, False], [0.5, 0.4], ["a", "b"], [0.5], [1], resamples=5)
    assert points.loc[0.5, ("sensitivity", "value")] == 1


def test_the_intervals_are_those_of_resampled_lesions(points, answers):
    is_melanoma, probability, groups = answers
    draws = []
    weights = np.hstack(list(evaluate.group_weights(groups, resamples=200)))
    for column in weights.T:
        rows = np.repeat(np.arange(300), column.astype(int))
        missed = is_melanoma[rows] & (probability[rows] < 0.2)
        needless = ~is_melanoma[rows] & (probability[rows] >= 0.2)
        draws.append(1000 * (20 * missed.sum() + needless.sum()) / len(rows))
    assert points.loc[0.2, 20][["low", "high"]].tolist() == pytest.approx(np.percentile(draws, [2.5, 97.5]))


def test_what_has_one_kind_of_images_has_no_operating_points():
    with pytest.raises(ValueError, match="one kind only"):
        evaluate.operating_points([True, True], [0.1, 0.9], ["a", "b"], [0.5], [1])


def test_a_cost_without_its_row_is_refused(points, answers):
    with pytest.raises(ValueError, match="no cost 7: it has 1, 20"):
        plots.explorer(points, *answers[:2], 7, "")
    with pytest.raises(ValueError, match="lacks a threshold"):
        plots.explorer(points.drop(0.5), *answers[:2], 20, "")


# What it is made of


def test_it_is_light_and_asks_nobody_for_anything(figure):
    assert len(figure.encode()) < 150_000
    addresses = re.findall(r"(?:src|href|action)=\"([^\"]+)\"|url\(([^)]+)\)|(?:fetch|import)\(", figure)
    assert [address for pair in addresses for address in pair if EXTERNAL.match(address)] == []
    assert "fetch(" not in figure and "{{" not in figure
    assert "Made-up images &amp; lesions." in figure


def test_it_holds_a_dot_for_each_melanoma_and_no_row_of_the_table(figure, answers):
    data = json.loads(re.search(r"const data = (.*)", figure).group(1))
    assert len(data["melanomas"]) == answers[0].sum()
    assert len(data["others"]) == round((~answers[0]).sum() / data["each"])
    assert data["melanomas"] == sorted(data["melanomas"])


# How it is used


def opened(browser, figure, **options):  # noqa: F811
    """Return a page with the explorer in it, twice where ``copies`` is 2, and the list of its errors."""
    copies = options.pop("copies", 1)
    page = browser.new_context(viewport={"width": 800, "height": 900}, **options).new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    head = '<!doctype html><html lang="en"><head><title>Explorer</title></head>'
    page.set_content(f"{head}<body><main><h1>Explorer</h1>{figure * copies}</main></body></html>")
    return page, errors


def missed(page):
    """Return how many melanomas the summary says are missed."""
    return int(re.search(r"and (\d+) missed", page.text_content(".summary")).group(1))


def counted(answers, threshold):
    return int((answers[0] & (answers[1] < threshold)).sum())


def dots(page):
    """Return how many dots the four paths hold: missed, found, left alone, needless."""
    count = "paths => paths.map(one => one.getAttribute('d').split('M').length - 1)"
    return page.eval_on_selector_all(".dots path", count)


def test_it_begins_at_the_formula_and_says_the_numbers(browser, figure, answers, points):  # noqa: F811
    page, errors = opened(browser, figure)
    assert missed(page) == counted(answers, 1 / 21) == dots(page)[0]
    assert sum(dots(page)[:2]) == answers[0].sum()
    assert f"Cost of 1,000 images: {points.loc[1 / 21, (20, 'value')]:,.0f}" in page.text_content(".summary")
    assert errors == []


def test_the_arrow_keys_move_the_threshold_and_the_cost_in_turn(browser, figure, answers):  # noqa: F811
    page, errors = opened(browser, figure)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert missed(page) == counted(answers, 0.2) == dots(page)[0] > counted(answers, 1 / 21)
    assert page.get_attribute(".threshold", "aria-valuetext") == "cut from 20.0\u00a0% on"
    page.keyboard.press("End")
    assert page.get_attribute(".threshold", "aria-valuetext") == "cut nothing" and missed(page) == answers[0].sum()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute(".cost", "aria-valuetext") == "as much as 1 needless excision"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the button
    assert page.get_attribute(".threshold", "aria-valuetext") == "cut from 50.0\u00a0% on"
    assert errors == []


def test_a_screen_reader_hears_the_summary_when_the_slider_rests(browser, figure):  # noqa: F811
    page, _ = opened(browser, figure)
    page.focus(".threshold")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('[role=status]').textContent.includes('found')")
    assert page.text_content("[role=status]") == page.text_content(".summary")
    assert page.get_by_role("slider", name="Threshold on the probability of melanoma").count() == 1
    assert page.get_by_role("slider", name="Cost of a missed melanoma").count() == 1
    assert page.get_by_role("img").count() == 3


def test_jupyterlab_leaves_the_keys_to_what_has_the_focus(browser, figure):  # noqa: F811
    # JupyterLab takes the arrow keys for its cells, but not from an element that says so itself.
    page, _ = opened(browser, figure)
    said = page.eval_on_selector_all("input, button", "all => all.map(one => one.dataset.lmSuppressShortcuts)")
    assert said == ["true"] * 3


def test_it_is_dragged_with_a_mouse(browser, figure, answers):  # noqa: F811
    page, _ = opened(browser, figure)
    box = page.locator(".threshold").bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.76, height, steps=5)
    page.mouse.up()
    assert missed(page) == counted(answers, 0.5)


def test_it_is_moved_by_touch_on_a_phone_and_fits_it(browser, figure, answers):  # noqa: F811
    page, _ = opened(browser, figure, has_touch=True)
    page.set_viewport_size({"width": 375, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    box = page.locator(".threshold").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    assert missed(page) == answers[0].sum()
    sizes = page.eval_on_selector_all("svg", "all => all.map(one => one.getBoundingClientRect().width / 360 * 11.5)")
    assert min(sizes[:1] + sizes[-2:]) >= 9  # letters, in pixels


def test_two_of_them_on_a_page_move_by_themselves(browser, figure):  # noqa: F811
    page, errors = opened(browser, figure, copies=2)
    before = page.locator(".summary").all_text_contents()
    page.locator(".threshold").nth(1).press("End")
    after = page.locator(".summary").all_text_contents()
    assert len(before) == 2 and before[0] == after[0] and before[1] != after[1] and errors == []


def test_without_scripts_two_curves_stand_in_its_place(browser, figure):  # noqa: F811
    page, _ = opened(browser, figure, java_script_enabled=False)
    assert page.locator(".threshold").is_hidden()
    assert page.locator("noscript svg[aria-label*='miss costs 20']").is_visible()
    page, _ = opened(browser, figure)
    assert page.locator(".threshold").is_visible() and page.locator("noscript svg").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_it(browser, figure, scheme):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened(browser, figure, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], node["html"][:100]) for rule in found for node in rule["nodes"]] == []
