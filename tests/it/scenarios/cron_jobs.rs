//! CronJobs: what no controller reports on settles at once, and each Job is a tree of its own (DESIGN §1, §3).

use expect_test::expect;

use super::tree::{check, check_also, check_counts};

#[test]
fn a_cron_job_is_created_at_once() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl stamp=aa
        @30 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {CONSUMER, cause=spec:1, manager=kubectl}
              -> stamp aa.aa in tracing.k8s.io/traceparent
        "#]],
    );
}

#[test]
fn another_schedule_is_an_update_at_once() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl spec.schedule=1
        @30  cronjob nightly spec.schedule=2 by=kubectl
        @60 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            update CronJob nightly 30..30 completed {cause=spec:2, manager=kubectl, changed=schedule}
        "#]],
    );
}

#[test]
fn another_job_template_is_an_update_at_once() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @30  cronjob nightly image=v2 by=kubectl
        @60 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            update CronJob nightly 30..30 completed {cause=spec:2, manager=kubectl, changed=jobTemplate.spec.template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn suspend_is_a_pause_and_taken_away_a_resume_linked_to_it() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @30  cronjob nightly suspended by=kubectl
        @60  cronjob nightly resumed by=kubectl
        @90 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            pause CronJob nightly 30..30 paused {cause=spec:2, manager=kubectl, changed=suspend}
            resume CronJob nightly 60..60 completed {cause=spec:3, manager=kubectl, changed=suspend}
              -> resumes pause CronJob spec:2
        "#]],
    );
}

#[test]
fn a_status_of_a_cron_job_is_churn() {
    check_counts(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @30  cronjob nightly observed
        @60 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            counted: unchanged 1
        "#]],
    );
}

// Annotation `batch.kubernetes.io/cronjob-scheduled-timestamp` is the nominal time
// (`pkg/controller/cronjob/utils.go`).
#[test]
fn a_job_of_a_cron_job_is_a_trace_of_its_own_that_tells_its_lag() {
    check_also(
        &["lifespan.schedule.lag_ms", "k8s.cronjob.name"],
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60.4 job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @63  pod x exit=0 succeeded
        @63.5 job nightly-1 settled
        @90 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60.4..63.5 completed {cause=spec:1, manager=kube-controller-manager, schedule.lag_ms=400, cronjob.name=nightly}
              run Pod x 60.6..63 completed
                start Pod x 60.6..61 completed
                run container x [app] 61..63 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// The garbage collector deletes the Job in the background after its owner is gone.
#[test]
fn a_cron_job_deleted_with_a_running_job_deletes_both_in_one_trace() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @70  cronjob nightly gone
        @70.3 job nightly-1 gone
        @70.5 pod x going grace=30
        @72  pod x exit=143 failed
        @72.5 pod x gone
        @100 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..70.3 deleted {cause=spec:1, manager=kube-controller-manager}
              run Pod x 60.6..70.3 unfinished
                start Pod x 60.6..61 completed
                run container x [app] 61..70.3 unfinished
            delete CronJob nightly 70..72.5 completed {cause=delete}
              -> supersedes run Job spec:1
              delete Job nightly-1 70.3..72.5 completed
                terminate Pod x 70.5..72.5 completed {exit_codes=app=143}
        "#]],
    );
}

// It ends with the last Pod of that, and not when that is decided.
#[test]
fn a_cron_job_deleted_while_a_job_of_it_is_on_its_way_out_ends_with_that() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @69.5 job nightly-1 gone
        @69.7 pod x going grace=30
        @70  cronjob nightly gone
        @72  pod x exit=143 failed
        @72.5 pod x gone
        @100 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..69.5 deleted {cause=spec:1, manager=kube-controller-manager}
              run Pod x 60.6..69.5 unfinished
                start Pod x 60.6..61 completed
                run container x [app] 61..69.5 unfinished
            delete Job nightly-1 69.5..72.5 completed {cause=delete}
              -> supersedes run Job spec:1
              terminate Pod x 69.7..72.5 completed {exit_codes=app=143}
            delete CronJob nightly 70..72.5 completed {cause=delete}
        "#]],
    );
}

#[test]
fn a_cron_job_deleted_in_the_foreground_with_a_running_job_deletes_both_in_one_trace() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @70  cronjob nightly delete
        @70.3 job nightly-1 delete
        @70.5 pod x going grace=30
        @72  pod x exit=143 failed
        @72.5 pod x gone
        @72.6 job nightly-1 gone
        @72.8 cronjob nightly gone
        @100 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..70.3 deleted {cause=spec:1, manager=kube-controller-manager}
              run Pod x 60.6..70.3 unfinished
                start Pod x 60.6..61 completed
                run container x [app] 61..70.3 unfinished
            delete CronJob nightly 70..72.8 completed {cause=delete}
              -> supersedes run Job spec:1
              delete Job nightly-1 70.3..72.6 completed
                terminate Pod x 70.5..72.5 completed {exit_codes=app=143}
        "#]],
    );
}

#[test]
fn finished_jobs_of_a_deleted_cron_job_are_no_spans() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @63  pod x exit=0 succeeded
        @63.5 job nightly-1 settled
        @90  cronjob nightly gone
        @90.2 job nightly-1 gone
        @90.4 pod x going grace=30
        @90.6 pod x gone
        @120 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..63.5 completed {cause=spec:1, manager=kube-controller-manager}
              run Pod x 60.6..63 completed
                start Pod x 60.6..61 completed
                run container x [app] 61..63 completed {reason=Completed, exit_code=0}
            delete CronJob nightly 90..90.6 completed {cause=delete}
        "#]],
    );
}

// `kubectl delete --cascade=orphan`: the garbage collector takes the owner reference away first.
#[test]
fn a_running_job_that_its_deleted_cron_job_leaves_behind_runs_on() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @70  cronjob nightly delete finalizers=orphan
        @70.2 job nightly-1 orphaned
        @70.4 cronjob nightly gone
        @80  pod x exit=0 succeeded
        @80.5 job nightly-1 settled
        @120 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..80.5 completed {cause=spec:1, manager=kube-controller-manager}
              run Pod x 60.6..80 completed
                start Pod x 60.6..61 completed
                run container x [app] 61..80 completed {reason=Completed, exit_code=0}
            delete CronJob nightly 70..70.4 completed {cause=delete}
        "#]],
    );
}

// `successfulJobsHistoryLimit`: the CronJob controller deletes the oldest finished Jobs.
#[test]
fn an_old_job_that_the_history_limit_removes_is_no_span() {
    check_counts(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @63.5 job nightly-1 settled
        @120 job nightly-1 delete
        @120.2 job nightly-1 gone
        @150 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..63.5 completed {cause=spec:1, manager=kube-controller-manager}
            counted: churn 3
        "#]],
    );
}

// `concurrencyPolicy: Replace` deletes the Job that still runs.
#[test]
fn replaced_by_its_cron_job_a_running_job_is_deleted_by_itself() {
    check(
        "
        @0 list
        @1   cronjob nightly by=kubectl
        @60  job nightly-1 of=nightly scheduled=60 by=kube-controller-manager
        @60.6 pod x of=job/nightly-1 restarts=Never
        @61  pod x running
        @120 job nightly-1 delete
        @120.1 pod x going grace=30
        @120.2 job nightly-2 of=nightly scheduled=120 by=kube-controller-manager
        @122 pod x gone
        @122.1 job nightly-1 gone
        @125 job nightly-2 settled
        @150 wait
        ",
        expect![[r#"
            create CronJob nightly 1..1 completed {cause=spec:1, manager=kubectl}
            run Job nightly-1 60..120 deleted {cause=spec:1, manager=kube-controller-manager}
              run Pod x 60.6..120 unfinished
                start Pod x 60.6..61 completed
                run container x [app] 61..120 unfinished
            delete Job nightly-1 120..122.1 completed {cause=delete}
              -> supersedes run Job spec:1
              terminate Pod x 120.1..122 completed
            run Job nightly-2 120.2..125 completed {cause=spec:1, manager=kube-controller-manager}
        "#]],
    );
}
