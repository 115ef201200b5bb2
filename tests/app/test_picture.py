"""A picture knows what can be known: nothing of a node that is out of reach but what it was."""

from app.picture import Notice, Picture
from tests.support import samples
from tests.support.samples import picture


def test_without_a_view_nothing_is_known() -> None:
    empty = Picture()
    assert (empty.state, empty.phase, empty.enrolled) == (None, None, False)


def test_out_of_reach_the_phase_is_unknown_but_the_membership_is_not() -> None:
    lost = picture(samples.ONLINE, connected=False)
    assert lost.phase is None
    assert lost.enrolled
    assert picture(samples.PAUSED).phase == "paused"
    assert not picture(samples.UNENROLLED).enrolled


def test_notices_are_found_by_what_they_are_about() -> None:
    notice = Notice("pause", "Pausing did not work", "No.", "Try again.")
    shown = picture(samples.ONLINE, notices=(notice,))
    assert shown.notice_about("pause") is notice
    assert shown.notice_about("enroll") is None
    assert notice.text == "No. Try again."
    assert Notice("x", "title").text == ""
