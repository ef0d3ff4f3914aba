package workbench_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench"
)

// sources are schedules and queues for tests.
type sources struct {
	fire func()
	sent *[]string
}

func (s sources) Schedules(context.Context) []workbench.Schedule {
	return []workbench.Schedule{{ID: "tick", Name: "Tick", Expression: "rate(1 minute)", Target: "f"}, {ID: "broken"}, {ID: "gone"}}
}

func (s sources) FireSchedule(_ context.Context, id string) error {
	switch id {
	case "tick":
		s.fire()
		return nil
	case "broken":
		return errors.New("the function is away")
	}
	return fmt.Errorf("%w: %s", workbench.ErrUnknown, id)
}

func (s sources) Queues(context.Context) []workbench.Queue { return []workbench.Queue{{Name: "jobs"}} }

func (s sources) SendMessage(_ context.Context, queue, body, group string) error {
	if queue != "jobs" {
		return workbench.ErrUnknown
	}
	*s.sent = append(*s.sent, body+"|"+group)
	s.fire()
	return nil
}

func TestSources(t *testing.T) {
	t.Parallel()
	fired, sent := 0, []string{}
	var b *workbench.Workbench
	b = newBench(t, workbench.Config{Sources: sources{func() {
		fired++
		b.Note("effect", "")
	}, &sent}})
	status, _ := call(t, b, "POST", "schedules/tick", "")
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, 1, fired, "once")
	status, answer := call(t, b, "POST", "schedules/a/b", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, `There is no schedule \"a/b\"`)
	status, answer = call(t, b, "POST", "schedules/gone", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, "There is no schedule")
	status, answer = call(t, b, "POST", "schedules/broken", "")
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, answer, "the function is away")
	status, _ = call(t, b, "POST", "queues/jobs", `{"body":"{}","group":"g"}`)
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, []string{"{}|g"}, sent)
	status, answer = call(t, b, "POST", "queues/x", `{"body":""}`)
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, "There is no queue")
	status, _ = call(t, b, "POST", "queues/jobs", `{}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, []string{"schedule by api", "note effect", "schedule by api", "schedule by api", "queue {} by api", "note effect"}, story(entries(t, b)))
	state := ok[anyMap](t, b, "GET", "state", "")
	require.Len(t, state["schedules"], 3)
	require.Equal(t, []any{anyMap{"name": "jobs"}}, state["queues"])
	require.Equal(t, []any{}, state["stages"], "a program whose build failed has none")
}

// TestClock checks that what is due has happened when the answer comes, and comes after the move in
// the record.
func TestClock(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{MachineClock: true})
	f.connect(`{}`)
	before := f.bench.Clock().Now()
	moved := ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"10m1s"}`)
	require.EqualValues(t, 601_000, moved["offsetMs"])
	lines := story(entries(t, f.bench))
	require.Equal(t, []string{"clock by api", "disconnected #1 Going away 1001", "invoked #1 $disconnect"}, lines[2:])
	list := entries(t, f.bench)
	require.EqualValues(t, 601_000, list[2].AdvanceMs)
	require.Less(t, list[2].Time.Sub(before).Minutes(), 9.0, "the time before the move")
	ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"-1m"}`)
	state := ok[anyMap](t, f.bench, "GET", "state", "")
	require.EqualValues(t, 541_000, state["offsetMs"])
	require.Equal(t, "machine", state["functionsClock"])
}
