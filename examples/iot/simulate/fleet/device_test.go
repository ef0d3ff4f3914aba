package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/iot"
)

// server is the other end of an uplink. It has a window without an end.
type server struct {
	mu      sync.Mutex
	silent  bool // like a broker: there is no outcome
	offline bool
	lose    int // how many answers are lost
	busy    int // how many reports are refused as rate limited
	seen    map[int64]iot.Reading
	reports [][]iot.Reading
	results []iot.Result
	cuts    []time.Duration
	refuse  error // of results
}

func (s *server) report(_ context.Context, readings []iot.Reading) (*iot.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offline {
		return nil, errors.New("offline")
	}
	if s.seen == nil {
		s.seen = make(map[int64]iot.Reading)
	}
	s.reports = append(s.reports, readings)
	busy := s.busy > 0
	if busy {
		s.busy--
	}
	var out iot.Outcome
	for _, r := range readings {
		var reason iot.Reason
		_, again := s.seen[r.Seq]
		_, unknown := r.Values["phlogiston"]
		switch {
		case busy:
			reason = iot.ReasonRateLimited
		case len(r.Values) == 0, unknown:
			reason = iot.ReasonMalformed
		case r.Values["temperature"] > 120:
			reason = iot.ReasonOutOfRange
		case r.At.After(time.Now().Add(time.Minute)):
			reason = iot.ReasonFuture
		case again:
			reason = iot.ReasonReplayed
		}
		if reason != "" {
			out.Refused = append(out.Refused, iot.Refused{Device: r.Device, Seq: r.Seq, Reason: reason})
			continue
		}
		s.seen[r.Seq] = r
		out.Accepted++
	}
	if s.lose > 0 {
		s.lose--
		return nil, errors.New("the answer is lost")
	}
	if s.silent {
		return nil, nil //nolint:nilnil // as a broker does
	}
	return &out, nil
}

func (s *server) result(_ context.Context, r iot.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, r)
	return s.refuse
}

func (s *server) cut(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts = append(s.cuts, d)
}

func (s *server) close() {}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// live lets the first thermometer of a fleet live for some time.
func liveFor(t *testing.T, s *server, cfg Config, lasting time.Duration, during func(d *device)) (Figures, Record) {
	t.Helper()
	cfg.FirstSeq, cfg.Devices, cfg.Via = 1, 4, Shares{WS: 1}
	if cfg.Rate == 0 {
		cfg.Rate = 1
	}
	full := cfg.withDefaults()
	count := newTally(4)
	d := newDevices(&full, count)[2]
	require.Equal(t, "thermometer", d.curve.kind)
	d.link = s
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	last, end := context.WithTimeout(t.Context(), lasting+lastReports)
	defer end()
	var all sync.WaitGroup
	if during != nil {
		all.Go(func() { during(d) })
	}
	d.run(ctx, last)
	all.Wait()
	return count.now(), d.recorded()
}

func TestADeviceReportsAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		f, r := liveFor(t, s, Config{Rate: 2}, time.Minute, nil)
		require.EqualValues(t, 120, f.Measured)
		require.EqualValues(t, 120, f.Accepted)
		require.EqualValues(t, 120, f.Sent)
		require.Zero(t, f.Repeated+f.Failures+f.Waiting)
		require.Len(t, s.reports, 120)
		require.Equal(t, Ranges{{1, 120}}, r.Accepted)
		require.Empty(t, r.Overtaken)
		require.Equal(t, 500*time.Millisecond, s.seen[2].At.Sub(s.seen[1].At))
	})
}

func TestADeviceRepeatsWhatWasNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		f, r := liveFor(t, s, Config{}, 5*time.Minute, func(*device) {
			pause(t.Context(), time.Minute)
			s.set(func() { s.offline = true })
			pause(t.Context(), time.Minute)
			s.set(func() { s.offline, s.lose = false, 1 })
		})
		require.EqualValues(t, 300, f.Measured)
		require.EqualValues(t, 300, f.Accepted, "a repeat that is refused as a replay was accepted before")
		require.Positive(t, f.Repeated)
		require.Positive(t, f.Failures)
		require.Empty(t, f.Refused)
		require.Len(t, s.seen, 300)
		require.Equal(t, Ranges{{1, 300}}, r.Accepted)
		for _, report := range s.reports {
			require.LessOrEqual(t, len(report), maxBatch)
		}
	})
}

func TestABufferIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{lose: 1}
		f, r := liveFor(t, s, Config{Buffer: 20}, 2*time.Minute, func(*device) {
			pause(t.Context(), 1500*time.Millisecond) // one was sent, whose answer was lost
			s.set(func() { s.offline = true })
			pause(t.Context(), time.Minute)
			s.set(func() { s.offline = false })
		})
		require.EqualValues(t, 120, f.Measured)
		require.Positive(t, f.Forgotten)
		require.EqualValues(t, 120, f.Accepted+f.Forgotten)
		require.Equal(t, f.Accepted, r.Accepted.Len())
		require.True(t, r.Open.Has(1), "it was sent, and forgotten")
		require.Len(t, r.Accepted, 1, "the oldest were forgotten")
		require.EqualValues(t, 120, r.Accepted[0][1])
		require.Zero(t, f.Waiting)
	})
}

func TestWhatWasNeverSentIsNotOpen(t *testing.T) {
	var d device
	d.forget([]reading{{Reading: iot.Reading{Seq: 1}}, {Reading: iot.Reading{Seq: 2}, sent: true}})
	require.Equal(t, Ranges{{2, 2}}, d.record.Open)
}

func TestWhatIsRefusedForNowIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{busy: 3}
		f, r := liveFor(t, s, Config{}, time.Minute, nil)
		require.Equal(t, map[iot.Reason]int64{iot.ReasonRateLimited: f.Refused[iot.ReasonRateLimited]}, f.Refused)
		require.GreaterOrEqual(t, f.Refused[iot.ReasonRateLimited], int64(3))
		require.Equal(t, Ranges{{1, 60}}, r.Accepted)
	})
}

func TestFaultsAreCounted(t *testing.T) {
	for name, faults := range map[string]Faults{
		"skew": {Skew: 0.1}, "malformed": {Malformed: 0.1}, "replays": {Replays: 0.1}, "bursts": {Bursts: 0.01},
		"drops": {Drops: 0.1}, "all": {0.05, 0.01, 0.05, 0.05, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{}
				f, r := liveFor(t, s, Config{Faults: faults}, 20*time.Minute, nil)
				require.EqualValues(t, 1200, f.Measured)
				n := f.Faults
				require.Equal(t, n["skew"], f.Refused[iot.ReasonFuture])
				require.Equal(t, n["malformed"], f.Refused[iot.ReasonMalformed]+f.Refused[iot.ReasonOutOfRange])
				require.Equal(t, n["replays"], f.Refused[iot.ReasonReplayed])
				require.Len(t, s.cuts, int(n["drops"]))
				require.Equal(t, 1200-n["skew"]-n["malformed"], f.Accepted)
				require.Equal(t, f.Accepted, r.Accepted.Len())
				require.Len(t, s.seen, int(f.Accepted))
				for fault, share := range map[string]float64{
					"skew": faults.Skew, "malformed": faults.Malformed, "replays": faults.Replays, "drops": faults.Drops,
				} {
					require.InDelta(t, 1200*share, float64(n[fault]), 45, fault)
				}
				longest := 0
				for _, report := range s.reports {
					longest = max(longest, len(report))
				}
				if faults.Bursts > 0 {
					require.Positive(t, n["bursts"])
					require.Equal(t, burstLength, longest)
					require.NotEmpty(t, r.Overtaken)
				} else {
					require.Equal(t, 1, longest)
				}
			})
		})
	}
}

func TestFaultsDependOnTheSeedOnly(t *testing.T) {
	of := func(seed uint64) []plan {
		f := Faults{0.1, 0.1, 0.1, 0.1, 0.1}
		var plans []plan
		for n := range int64(200) {
			plans = append(plans, f.plan(chance{seed, 1}, n))
		}
		return plans
	}
	require.Equal(t, of(1), of(1))
	require.NotEqual(t, of(1), of(2))
}

func TestABrokerSaysNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{silent: true}
		f, r := liveFor(t, s, Config{Faults: Faults{Malformed: 0.1}}, 10*time.Minute, nil)
		require.Zero(t, f.Accepted)
		require.EqualValues(t, 600, f.Handed)
		require.Empty(t, r.Accepted)
		require.Equal(t, 600-f.Faults["malformed"], r.Handed.Len(), "the others cannot be accepted")
	})
}

func TestOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		order := func(id, name, args string) iot.Order {
			return iot.Order{ID: id, Name: name, Args: json.RawMessage(args), ExpiresAt: time.Now().Add(time.Minute)}
		}
		f, _ := liveFor(t, s, Config{}, time.Minute, func(d *device) {
			pause(t.Context(), 10*time.Second)
			d.order(order("a", "blink", ""))
			d.order(order("a", "blink", ""))
			d.order(order("b", "stop", ""))
			d.order(order("c", "interval", `{"ms":0}`))
			d.order(order("d", "interval", `{"ms":100}`))
			late := order("e", "blink", "")
			late.ExpiresAt = time.Now().Add(-time.Second)
			d.order(late)
			d.order(order("f", "interval", `[]`))
		})
		require.EqualValues(t, 5, f.Commands)
		states := map[string][]iot.CommandState{}
		for _, r := range s.results {
			states[r.Command] = append(states[r.Command], r.State)
		}
		require.Equal(t, map[string][]iot.CommandState{
			"a": {"acknowledged", "done"}, "b": {"acknowledged", "failed"}, "c": {"acknowledged", "failed"},
			"d": {"acknowledged", "done"}, "f": {"acknowledged", "failed"},
		}, states)
		require.Greater(t, f.Measured, int64(400), "the interval is shorter since the order")
	})
}

func TestAnOrderThatHasEndedIsNotCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{refuse: &gatesock.Error{Code: gatesock.CodeFailedPrecondition, Message: "it has ended"}}
		f, _ := liveFor(t, s, Config{}, time.Minute, func(d *device) {
			until := time.Now().Add(time.Minute)
			d.order(iot.Order{ID: "a", Name: "interval", Args: raw(map[string]int{"ms": 100}), ExpiresAt: until})
		})
		require.Zero(t, f.Commands)
		require.EqualValues(t, 60, f.Measured)
		require.Len(t, s.results, 1)
	})
}

func TestRecordsAreWritten(t *testing.T) {
	cfg := Config{Devices: 3, Rate: 1, Via: Shares{1, 1, 1}, FirstSeq: 1}
	full := cfg.withDefaults()
	devices := newDevices(&full, newTally(3))
	for _, n := range []int64{1, 2, 5, 4, 3, 9} {
		devices[1].record.Accepted.Add(n)
	}
	var b bytes.Buffer
	require.NoError(t, write(&b, devices))
	lines := bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))
	require.Len(t, lines, 3)
	var r Record
	require.NoError(t, json.Unmarshal(lines[1], &r))
	require.Equal(t, Ranges{{1, 5}, {9, 9}}, r.Accepted)
	require.EqualValues(t, 6, r.Accepted.Len())
	require.Equal(t, devices[1].id, r.Device)
	require.Equal(t, devices[1].via, r.Via)
}
