//! What a write of the topmost spec means: a table of writes and situations.

use super::action::Action;
use super::spec_change::SpecChange;

/// A write of the topmost spec, as far as its meaning goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// What was changed, the broadest first.
    pub what: What,
    /// `paused`, or `suspend`, before.
    pub was_paused: bool,
    /// The same, after.
    pub is_paused: bool,
    /// `replicas` is another.
    pub is_scaled: bool,
}

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The pod template; where the kind has none: something that is no goal field.
    Template(Template),
    /// Nothing but `replicas`.
    Replicas,
    /// Goal fields.
    Goals,
    /// The controller of a custom resource added what a write a moment ago had left out.
    Defaults,
}

/// How a template stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// It is another than all before.
    New,
    /// It is that of an older revision.
    Older,
    /// It is another only by `restartedAt`.
    Restarted,
}

/// What the tree is in when the spec is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// It is a run.
    pub is_run: bool,
    /// The run is over.
    pub is_over: bool,
    /// A transition is open, and has not settled but for the time that it must last.
    pub is_busy: bool,
    /// The run waits to be resumed, and has not begun.
    pub awaits_resume: bool,
    /// Something was written while it was paused.
    pub has_waiting_writes: bool,
}

/// What a write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It opens a transition.
    Opens(Action),
    /// It moves the goal of what is open.
    Moves,
    /// It moves the goal of what is open, as one change whatever it touches.
    MovesAsOne,
    /// It suspends the run that is under way.
    Suspends,
    /// It lets a run begin that was created suspended.
    Begins,
    /// The template is kept for the `resume`; where nothing is under way, what else was written
    /// opens a transition.
    Waits {
        /// Which: it is to be paused, or other replicas are wanted of what is.
        opens: Option<Action>,
    },
    /// Nothing.
    Nothing,
}

impl Meaning {
    /// The meaning of a write.
    #[must_use]
    pub fn of(write: Written, tree: Situation) -> Self {
        let is_resumed = write.was_paused && !write.is_paused;
        if tree.is_run {
            return match (tree.is_busy, is_resumed) {
                (true, true) if tree.awaits_resume => Self::Begins,
                (true, _) if write.is_paused && !write.was_paused => Self::Suspends,
                (true, _) => Self::MovesAsOne,
                (false, true) if !tree.is_over => Self::Opens(Action::Resume),
                (false, _) => Self::Nothing,
            };
        }
        let is_still_waited_for = tree.is_busy && !tree.has_waiting_writes;
        match write.what {
            What::Defaults => Self::MovesAsOne,
            What::Template(_) if write.is_paused => {
                let opens = match write.was_paused {
                    false => Some(Action::Pause),
                    true => write.is_scaled.then_some(Action::Scale),
                };
                Self::Waits { opens: opens.filter(|_| !tree.is_busy) }
            }
            What::Template(_) if is_resumed => Self::Opens(Action::Resume),
            What::Template(Template::Older) => Self::Opens(Action::Rollback),
            What::Template(Template::Restarted) => Self::Opens(Action::Restart),
            What::Template(Template::New) => Self::Opens(Action::Update),
            What::Replicas | What::Goals if is_resumed && !is_still_waited_for => {
                Self::Opens(Action::Resume)
            }
            What::Replicas | What::Goals if tree.is_busy => Self::Moves,
            What::Goals if write.is_paused && !write.was_paused => Self::Opens(Action::Pause),
            What::Replicas => Self::Opens(Action::Scale),
            What::Goals => Self::Opens(Action::Update),
        }
    }
}

impl What {
    /// What a change of goal fields is.
    #[must_use]
    pub fn of_goals(change: &SpecChange) -> Self {
        if change.is_scale() { Self::Replicas } else { Self::Goals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Situation = Situation {
        is_run: false,
        is_over: false,
        is_busy: false,
        awaits_resume: false,
        has_waiting_writes: false,
    };
    const BUSY: Situation = Situation { is_busy: true, ..QUIET };

    fn write(what: What, was_paused: bool, is_paused: bool) -> Written {
        Written { what, was_paused, is_paused, is_scaled: what == What::Replicas }
    }

    #[test]
    fn a_template_opens_a_transition_of_its_own_whatever_is_open() {
        for tree in [QUIET, BUSY] {
            for (template, action) in [
                (Template::New, Action::Update),
                (Template::Older, Action::Rollback),
                (Template::Restarted, Action::Restart),
            ] {
                let write = write(What::Template(template), false, false);
                assert_eq!(Meaning::of(write, tree), Meaning::Opens(action));
            }
        }
    }

    #[test]
    fn goals_move_what_is_open_and_open_something_where_nothing_is() {
        let scale = write(What::Replicas, false, false);
        assert_eq!(Meaning::of(scale, BUSY), Meaning::Moves);
        assert_eq!(Meaning::of(scale, QUIET), Meaning::Opens(Action::Scale));
        let other = write(What::Goals, false, false);
        assert_eq!(Meaning::of(other, QUIET), Meaning::Opens(Action::Update));
    }

    #[test]
    fn what_is_written_while_paused_waits_for_the_resume() {
        let template = What::Template(Template::New);
        for (was_paused, is_scaled, tree, opens) in [
            (true, false, QUIET, None),
            (true, true, QUIET, Some(Action::Scale)),
            (true, true, BUSY, None),
            (false, false, QUIET, Some(Action::Pause)),
            (false, false, BUSY, None),
        ] {
            let write = Written { is_scaled, ..write(template, was_paused, true) };
            assert_eq!(Meaning::of(write, tree), Meaning::Waits { opens });
        }
        let waiting = Situation { has_waiting_writes: true, ..BUSY };
        let resumed = write(What::Goals, true, false);
        assert_eq!(Meaning::of(resumed, waiting), Meaning::Opens(Action::Resume));
        assert_eq!(Meaning::of(resumed, BUSY), Meaning::Moves);
        assert_eq!(Meaning::of(resumed, QUIET), Meaning::Opens(Action::Resume));
    }

    #[test]
    fn a_run_is_never_superseded() {
        let (run, busy) = (Situation { is_run: true, ..QUIET }, Situation { is_run: true, ..BUSY });
        let template = What::Template(Template::New);
        assert_eq!(Meaning::of(write(template, false, false), busy), Meaning::MovesAsOne);
        assert_eq!(Meaning::of(write(What::Goals, false, true), busy), Meaning::Suspends);
        let resumed = write(What::Goals, true, false);
        assert_eq!(Meaning::of(resumed, run), Meaning::Opens(Action::Resume));
        let over = Situation { is_over: true, ..run };
        assert_eq!(Meaning::of(resumed, over), Meaning::Nothing);
        assert_eq!(Meaning::of(write(template, false, false), run), Meaning::Nothing);
    }
}
