package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
)

// specErrors are errors of faults: those of package gatesock, others, and those that wrap them.
func specErrors() []error {
	return []error{
		gatesock.ErrGone, gatesock.ErrForbidden, gatesock.ErrThrottled, gatesock.ErrTooLarge, gatesock.ErrBadConnectionID,
		fmt.Errorf("wrapped: %w", gatesock.ErrGone), fmt.Errorf("wrapped: %w", gatesock.ErrForbidden),
		fmt.Errorf("wrapped: %w", gatesock.ErrTooLarge), errors.New("boom"), gatesock.ErrNotSent, errors.New(messageInternal),
	}
}

// anyFault draws a fault of any kind with anything that can be said about it.
func anyFault(t *rapid.T) Fault {
	d := func(name string) time.Duration {
		return time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, name))
	}
	err := rapid.SampledFrom(specErrors()).Draw(t, "err")
	throttle := Throttle{rapid.Float64Range(0, 1e9).Draw(t, "rate"), rapid.IntRange(0, 100).Draw(t, "burst")}
	f := rapid.SampledFrom([]Fault{
		Slow(d("slow")), Gone(), Fail(err), FailDelivered(err), Throttled(throttle), BufferFull(), Hold(d("hold")),
		ColdStart(d("cold")), LoseDisconnect(), DelayDisconnect(d("late")), RepeatDisconnect(d("again")),
		HalfOpen(d("after"), d("noticed")), Restart(d("restart")),
	}).Draw(t, "kind")
	if f.kind == heldMessage || f.kind == coldStart || f.kind == throttled {
		if route := rapid.SampledFrom([]string{"", "say", "$connect", RouteCalls}).Draw(t, "route"); route != "" {
			f = f.On(route)
		}
	}
	f = f.For(rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9=]{1,16}`), 0, 3).Draw(t, "ids")...)
	if n := rapid.IntRange(0, 5).Draw(t, "times"); n > 0 {
		f = f.Times(n)
	}
	f = f.Chance(rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "chance"))
	if rapid.Bool().Draw(t, "spread") {
		f = f.Spread()
	}
	return f
}

// requireSameFault compares all that decides what a fault does.
func requireSameFault(t require.TestingT, want, got Fault) {
	require.Equal(t, want.String(), got.String())
	for _, sentinel := range specErrors()[:5] {
		require.Equal(t, errors.Is(want.err, sentinel), errors.Is(got.err, sentinel), "%v", sentinel)
	}
	if want.delay == 0 && want.noticed == 0 { // nothing to draw
		want.spread, got.spread = false, false
	}
	want.err, got.err = nil, nil
	require.Equal(t, want, got)
}

// A fault is the same after the way through its spec and JSON.
func TestFaultSpecRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFault(t)
		spec := f.Spec()
		text, err := json.Marshal(spec)
		require.NoError(t, err)
		var read FaultSpec
		require.NoError(t, json.Unmarshal(text, &read), "%s", text)
		require.Equal(t, spec, read, "%s", text)
		faults, err := read.Faults()
		require.NoError(t, err)
		require.Len(t, faults, 1)
		requireSameFault(t, f, faults[0])
		require.Equal(t, spec, faults[0].Spec())
	})
}

// Each kind of fault has a spec, and FaultKinds has each spec.
func TestFaultKindsAreComplete(t *testing.T) {
	t.Parallel()
	var fromFaults []string
	for k := slowCall; k <= restart; k++ {
		require.NotEmpty(t, k.specName(), k.String())
		fromFaults = append(fromFaults, k.specName())
	}
	fromFaults = append(fromFaults, specGone, specForbidden, specQuotas)
	var names []string
	for _, k := range FaultKinds() {
		names = append(names, k.Fault)
		require.Regexp(t, `^[A-Z$].*[^.]\.$`, k.Text)
		for _, p := range k.Parameters {
			require.NotContains(t, p.Text, "  ")
			require.Regexp(t, `^[a-z].*[^.]$`, p.Text)
		}
	}
	require.ElementsMatch(t, fromFaults, names)
	text, err := json.MarshalIndent(FaultKinds(), "", "\t")
	require.NoError(t, err)
	golden(t, "testdata/fault_kinds.json", string(text)+"\n")
}

// TestFaultTable compares the page with the kinds.
func TestFaultTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("\n| fault | what goes wrong | members |\n|---|---|---|\n")
	for _, k := range FaultKinds() {
		var members []string
		for _, p := range k.Parameters {
			members = append(members, "`"+p.Name+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Fault, strings.TrimSuffix(k.Text, "."), strings.Join(members, ", "))
	}
	b.WriteString("\n")
	requireOnPage(t, "<!-- faults: written by go test ./emulator -run TestFaultTable -update -->\n",
		"<!-- end of the faults -->\n", b.String())
}

// Each parameter of each kind is accepted, and each other member is not.
func TestFaultKindsHaveTheirParameters(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"delay": `"2s"`, "noticed": `"1m"`, "rate": "10", "burst": "5", "status": "413", "error": `"boom"`,
		"connections": `["a","#3"]`, "route": `"say"`, "times": "3", "chance": "0.5", "spread": "true",
	}
	for _, k := range FaultKinds() {
		for member, value := range values {
			text := `{"fault":"` + k.Fault + `","` + member + `":` + value
			for _, p := range k.Parameters {
				if p.Required && p.Name != member {
					text += `,"` + p.Name + `":` + values[p.Name]
				}
			}
			var s FaultSpec
			err := json.Unmarshal([]byte(text+"}"), &s)
			if !k.has(member) {
				require.ErrorContains(t, err, "emulator: fault: "+member+" is not a member of the fault "+k.Fault+", which has ")
				continue
			}
			require.NoError(t, err, text)
			s.Connections = nil
			_, err = s.Faults()
			require.NoError(t, err, text)
		}
	}
}

func TestFaultSpecJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fault{
		`{"fault":"gone"}`:                                                Gone(),
		`{"fault":"slow","delay":"2s"}`:                                   Slow(2 * time.Second),
		`{"fault":"slow","delay":"0s"}`:                                   Slow(0),
		`{"fault":"fail"}`:                                                Fail(errors.New(messageInternal)),
		`{"fault":"fail","error":"boom"}`:                                 Fail(errors.New("boom")),
		`{"fault":"fail","status":429}`:                                   Fail(gatesock.ErrThrottled),
		`{"fault":"fail","status":500}`:                                   Fail(errors.New(messageInternal)),
		`{"fault":"forbidden","times":3}`:                                 Fail(gatesock.ErrForbidden).Times(3),
		`{"fault":"throttled"}`:                                           Throttled(Throttle{}),
		`{"fault":"lost-disconnect"}`:                                     LoseDisconnect(),
		`{"fault":"repeated-disconnect"}`:                                 RepeatDisconnect(0),
		`{"fault":"buffer-full","chance":0}`:                              BufferFull().Chance(0),
		`{"fault":"fail-delivered","status":410,"connections":["a","b"]}`: FailDelivered(gatesock.ErrGone).For("a", "b"),
		`{"fault":"throttled","rate":10,"burst":5,"route":"@connections"}`: Throttled(
			Throttle{10, 5}).On(RouteCalls),
		`{"fault":"hold","delay":"1s","spread":true,"chance":0.25}`:     Hold(time.Second).Spread().Chance(0.25),
		`{"fault":"cold-start","delay":"1.5s","route":"say"}`:           ColdStart(1500 * time.Millisecond).On("say"),
		`{"fault":"late-disconnect","delay":"10m"}`:                     DelayDisconnect(10 * time.Minute),
		`{"fault":"half-open","delay":"10s","noticed":"1m"}`:            HalfOpen(10*time.Second, time.Minute),
		`{"fault":"restart","delay":"1h"}`:                              Restart(time.Hour),
		`{"fault":"gone","route":"","times":0,"delay":"","error":null}`: Gone(),
		`{"fault" : "gone", "connections":[], "spread":false,"rate":0}`: Gone(),
	} {
		var s FaultSpec
		require.NoError(t, json.Unmarshal([]byte(text), &s), text)
		faults, err := s.Faults()
		require.NoError(t, err, text)
		require.Len(t, faults, 1)
		requireSameFault(t, want, faults[0])
	}
	var s FaultSpec
	require.NoError(t, json.Unmarshal([]byte(`{"fault":"account-quotas"}`), &s))
	faults, err := s.Faults()
	require.NoError(t, err)
	require.Equal(t, AccountQuotas(), faults)
}

// A spec in JSON has what is needed and nothing else.
func TestFaultSpecMarshals(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		`{"fault":"gone"}`:                                    Gone().Spread(),
		`{"fault":"forbidden","times":3}`:                     Fail(gatesock.ErrForbidden).Times(3),
		`{"fault":"fail","status":413}`:                       Fail(gatesock.ErrTooLarge),
		`{"fault":"fail","error":"boom"}`:                     Fail(errors.New("boom")),
		`{"fault":"fail","status":410,"error":"x"}`:           Fail(&specError{"x", gatesock.ErrGone}),
		`{"fault":"fail-delivered","status":410}`:             FailDelivered(gatesock.ErrGone),
		`{"fault":"slow","delay":"0s","connections":["a"]}`:   Slow(0).For("a"),
		`{"fault":"half-open"}`:                               HalfOpen(0, 0),
		`{"fault":"half-open","delay":"1s","noticed":"1m0s"}`: HalfOpen(time.Second, time.Minute),
		`{"fault":"throttled","rate":500,"route":"$connect"}`: AccountQuotas()[0],
		`{"fault":"hold","delay":"1s","spread":true}`:         Hold(time.Second).Spread().Chance(1),
		`{"fault":"buffer-full","chance":0}`:                  BufferFull().Chance(0).Labeled("x"),
		`{"fault":"restart","delay":"1h0m0s","chance":0.25}`:  Restart(time.Hour).Chance(0.25),
	} {
		text, err := json.Marshal(f.Spec())
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
	var s FaultSpec
	require.NoError(t, json.Unmarshal([]byte(`{"fault":"gone","connections":[]}`), &s))
	require.Equal(t, FaultSpec{Fault: "gone"}, s)
}

func TestFaultSpecsThatAreNotValid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                                           "fault is missing: want one of gone, slow, ",
		`{"fault":"goon"}`:                             `fault "goon" is not known: want one of gone, slow, `,
		`{"fault":7}`:                                  "fault: 7: want a text",
		`null`:                                         `want an object, such as {"fault":"gone"}`,
		`["gone"]`:                                     `want an object, such as {"fault":"gone"}`,
		`{"Fault":"gone"}`:                             `"Fault" is not a member of a fault`,
		`{"fault":"slow","dealy":"2s"}`:                `"dealy" is not a member of the fault slow, which has delay, `,
		`{"fault":"slow"}`:                             "delay is missing: the fault slow needs it: how much longer",
		`{"fault":"hold","delay":null}`:                "delay is missing",
		`{"fault":"cold-start","delay":""}`:            "delay is missing",
		`{"fault":"slow","delay":2}`:                   `delay: 2: want a duration as a text, such as "1.5s" or "10m"`,
		`{"fault":"slow","delay":"2"}`:                 `delay: "2": want a duration as a text`,
		`{"fault":"slow","delay":"-2s"}`:               "delay: -2s must not be negative",
		`{"fault":"half-open","noticed":"x"}`:          `noticed: "x": want a duration`,
		`{"fault":"half-open","noticed":"-1s"}`:        "noticed: -1s must not be negative",
		`{"fault":"gone","chance":1.5}`:                "chance: 1.5: want a number from 0 to 1",
		`{"fault":"gone","chance":-0.1}`:               "chance: -0.1: want a number from 0 to 1",
		`{"fault":"gone","chance":"often"}`:            `chance: "often": want a number from 0 to 1`,
		`{"fault":"gone","times":-1}`:                  "times: -1 must not be negative",
		`{"fault":"gone","times":1.5}`:                 "times: 1.5: want an integer",
		`{"fault":"gone","spread":true}`:               "spread is not a member of the fault gone, which has connections, times, chance",
		`{"fault":"gone","route":"say"}`:               "route is not a member of the fault gone, which has ",
		`{"fault":"gone","connections":"a"}`:           `connections: "a": want a list of texts`,
		`{"fault":"gone","connections":[""]}`:          `connections: "": want an id, or the number of a connection such as "#3"`,
		`{"fault":"gone","connections":["#x"]}`:        `connections: "#x": want an id`,
		`{"fault":"gone","connections":["#0"]}`:        `connections: "#0": want an id`,
		`{"fault":"fail","status":404}`:                "status: 404: want 400, 403, 410, 413, 429 or 500",
		`{"fault":"throttled","rate":-1}`:              "rate: -1: want a finite number that is not negative",
		`{"fault":"throttled","burst":-1}`:             "burst: -1 must not be negative",
		`{"fault":"account-quotas","times":3}`:         "times is not a member of the fault account-quotas, which has none",
		`{"fault":"throttled","rate":1e999}`:           "rate: 1e999: want a number",
		`{"fault":"restart","delay":"99999999999h"}`:   `delay: "99999999999h": want a duration`,
		`{"fault":"restart","stage":"dev"}`:            `"stage" is not a member of the fault restart, which has `,
		`{"fault":"gone","` + strings.Repeat("x", 999): `want an object`,
	} {
		s := FaultSpec{Fault: "restart"}
		err := s.UnmarshalJSON([]byte(text))
		require.ErrorContains(t, err, "emulator: fault: "+want, text)
		require.Less(t, len(err.Error()), 400)
		require.Equal(t, FaultSpec{Fault: "restart"}, s, "it is not changed")
	}
	for want, s := range map[string]FaultSpec{
		"fault is missing":         Fault{}.Spec(),
		"chance: NaN":              {Fault: "gone", Chance: ptr(math.NaN())},
		"rate: +Inf":               {Fault: "throttled", Rate: math.Inf(1)},
		"delay is not a member of": {Fault: "gone", Delay: 1},
		"status is not a member":   {Fault: "gone", Status: 410},
		`connections: "#3" is a n`: {Fault: "gone", Connections: []string{"#3"}},
	} {
		_, err := s.Faults()
		require.ErrorContains(t, err, "emulator: fault: "+want)
	}
}

func ptr[T any](v T) *T { return &v }

// A spec names connections by their numbers, and happens to these.
func TestResolveFault(t *testing.T) {
	t.Parallel()
	onBothFronts(t, Config{}, nil, func(w *world) {
		first, second := w.connect(), w.connect()
		spec := FaultSpec{Fault: "gone", Connections: []string{"x", "#2"}}
		resolved, err := w.gw.ResolveFault(spec)
		require.NoError(w.t, err)
		require.Equal(w.t, []string{"x", second.id}, resolved.Connections)
		require.Equal(w.t, []string{"x", "#2"}, spec.Connections)
		faults, err := resolved.Faults()
		require.NoError(w.t, err)
		w.gw.Faults().Add(faults...)
		require.NoError(w.t, w.post(first, "x"))
		require.ErrorIs(w.t, w.post(second, "x"), gatesock.ErrGone)

		for _, c := range []string{"#3", "#-1", "#", "#2x", "#18446744073709551616"} {
			_, err = w.gw.ResolveFault(FaultSpec{Fault: "gone", Connections: []string{c}})
			require.ErrorContains(w.t, err, "emulator: fault: connections: ")
		}
		_, err = w.gw.ResolveFault(FaultSpec{Fault: "gone", Connections: []string{"#3"}})
		require.EqualError(w.t, err, "emulator: fault: connections: #3 is not open")
	})
}

// A status of a spec is the one that a caller over HTTP gets.
func TestFaultSpecStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 410, 413, 429, 500} {
		for _, text := range []string{"", "some text"} {
			faults, err := FaultSpec{Fault: "fail", Status: status, Error: text}.Faults()
			require.NoError(t, err)
			require.Equal(t, status, callStatus(http.MethodPost, faults[0].err))
			if text != "" {
				require.EqualError(t, faults[0].err, text)
			}
		}
	}
}

// Events of faults name the fault that was added, the connection and the request.
func TestFaultEventsHaveWhatTheyBelongTo(t *testing.T) {
	t.Parallel()
	var got []string
	w := newWorld(t, inMemory{}, Config{Routes: routes("$connect", "$disconnect", "$default!")}, nil)
	faults := w.gw.Faults()
	faults.KeyBy(func(Handshake) string { return "all" })
	w.connect()
	p := w.connect()
	faults.OnFault(func(e FaultEvent) {
		got = append(got, fmt.Sprintf("%s %s #%d of %s #%d %d", e.Label, e.Fault.Name(), e.Connection, e.Key, e.Number, len(e.RequestID)))
	})
	faults.Add(Gone().Labeled("1").Times(1), ColdStart(time.Second).Labeled("2"), Throttled(Throttle{}).On("$default").Labeled("3"),
		FailDelivered(errors.New("boom")).Labeled("4"), LoseDisconnect().Labeled("5"), Restart(0).Labeled("6").For(p.id))
	ctx := context.Background()
	require.Equal(t, []string{
		"6 restart #2 of all #2 0", "5 lost $disconnect #2 of all #2 16",
	}, got)
	got = nil
	s := w.gw.Sessions()[0]
	require.NoError(t, s.Receive(ctx, Message{Data: []byte("x")}))
	require.ErrorIs(t, w.gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, nil), gatesock.ErrGone)
	require.Error(t, w.gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, nil))
	require.Equal(t, []string{
		"3 throttled #1 of all #1 16", "1 failed call #1 of all #1 0", "4 failed although delivered #1 of all #1 0",
	}, got)
}
