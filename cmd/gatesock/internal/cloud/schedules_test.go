package cloud

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
)

// TestSchedulesOfAClockThatIsMoved: what is due on the way fires at its own time, and the targets
// have the event before the clock goes on.
func TestSchedulesOfAClockThatIsMoved(t *testing.T) {
	t.Parallel()
	p := &project.Project{
		Queues: []project.Queue{queueOf("q", nil)},
		Rules: []project.Rule{
			ruleOf("Five", "rate(5 minutes)", target(arn("sqs", "q"))), ruleOf("Six", "rate(6 minutes)", target(arn("sqs", "q"))),
		},
	}
	begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := emulator.NewManualClock(begin)
	w := newWorld(t, p, func(cfg *Config) { cfg.Clock = clock })
	fired := func() (all []string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events {
			all = append(all, e.Source+" "+e.Time.Sub(begin).String())
		}
		w.events = nil
		return all
	}
	clock.Advance(4 * time.Minute)
	require.Empty(t, fired())
	clock.AfterFunc(4*time.Minute, func() {
		require.Len(t, w.receive("q"), 2, "of the minutes before the eighth")
	})
	clock.Advance(9 * time.Minute)
	require.Equal(t, []string{"Five 5m0s", "Six 6m0s", "Five 10m0s", "Six 12m0s"}, fired())
	require.NoError(t, w.cloud.Close(context.Background()))
	clock.Advance(time.Hour)
	require.Empty(t, fired())
}

// TestByHand has what people and scripts send and let fire.
func TestByHand(t *testing.T) {
	t.Parallel()
	wrong := ruleOf("Wrong", "rate(soon)")
	p := &project.Project{
		Queues: []project.Queue{
			{ID: "Jobs", Name: "app-jobs", ARN: arn("sqs", "app-jobs")},
			queueOf("q.fifo", map[string]string{"FifoQueue": "true"}),
		},
		Rules: []project.Rule{ruleOf("Tick", "rate(1 hour)"), wrong, ruleOf("Pattern", `{"source":["x"]}`)},
	}
	inWorld(t, p, func(w *world) {
		c := w.cloud
		require.Equal(w.t, []string{"Tick"}, namesOf(c.Schedules()))
		for _, name := range []string{"Jobs", "app-jobs", arn("sqs", "app-jobs"), c.queues.URL("app-jobs")} {
			require.NoError(w.t, c.Send(name, name, ""))
		}
		var bodies []string
		for _, m := range w.receive("app-jobs") {
			bodies = append(bodies, *m.Body)
		}
		require.Equal(w.t, []string{"Jobs", "app-jobs", arn("sqs", "app-jobs"), c.queues.URL("app-jobs")}, bodies)

		// The same body twice is two messages, also where a queue drops duplicates.
		require.NoError(w.t, c.Send("q.fifo", "x", "a"))
		require.NoError(w.t, c.Send("q.fifo", "x", "b"))
		require.NoError(w.t, c.Send("q.fifo", "x", ""))
		var groups []string
		for _, m := range w.receive("q.fifo") {
			groups = append(groups, m.Attributes["MessageGroupId"])
		}
		require.Equal(w.t, []string{"a", "b", "default"}, groups)

		err := c.Send("none", "x", "")
		require.ErrorIs(w.t, err, ErrUnknown)
		require.EqualError(w.t, err, `cloud: the project has no queue "none"`)
		require.ErrorIs(w.t, c.Fire(w.t.Context(), "Pattern"), ErrUnknown)
		require.ErrorContains(w.t, c.Send("Jobs", "", ""), "MissingParameter")
	})
}

func namesOf(rules []*project.Rule) (names []string) {
	for _, r := range rules {
		names = append(names, r.ID)
	}
	slices.Sort(names)
	return names
}
