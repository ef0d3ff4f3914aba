package export_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// scenario is a session that is recorded and exported. The test that comes out must pass, and fail
// when the application has one of the mutations.
type scenario struct {
	play  func(r *recording)
	real  bool     // with a clock that runs with that of the machine
	sleep bool     // the same in a synctest bubble, for handlers that wait; the test has to be in one
	fails []string // mutations
	has   []string // what the source has
	lacks []string
	// bubble and outside are what it has in a bubble, and without one.
	bubble, outside []string
}

// record plays the scenario.
func (s scenario) record(t *testing.T) *recording {
	t.Helper()
	if s.sleep {
		var r *recording
		var entries []entry.Entry
		synctest.Test(t, func(t *testing.T) {
			r = newRecordingBy(t, emulator.NewRunningClock())
			s.play(r)
			entries = r.all() // without the end of the gateway
		})
		r.entries = entries
		return r
	}
	r := newRecording(t)
	if s.real {
		r = newRecordingBy(t, emulator.NewRunningClock())
	}
	s.play(r)
	return r
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"Room": {
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				bob.send(`{"action":"say","id":"2","text":"hello"}`)
				ann.send(`{"action":"say","id":"2","text":"hello, \"Bob\" ${name} …"}`)
				bob.send(`{"action":"poke","id":"3"}`)
				bob.Close(r.t.Context(), 1000, "bye")
				ann.send(`{"action":"say","id":"3","text":"gone?"}`)
			},
			fails: []string{"event", "missing post", "order", "wrong epoch", "twice", "tickets"},
			has: []string{
				`ann := h.Connect(`, `wstest.WithUser("ann")`, `"epoch":"${epoch}","offset":1}`, `bob.Close(1000, "bye")`,
				`"ref":"` + "` + ann.ID() + `", `"at":${_}`,
			},
			lacks: []string{"Advance", "NewFaults", "A fault strikes"},
		},
		"Ticket": { // which comes back, and an id of another client
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"redeem","id":"1","ticket":"%s"}`, r.last(entry.Sent, ann.ID(), "ticket"))
				bob.send(`{"action":"redeem","id":"2","ticket":"AAAABBBBCCCCDDDDEEEEFFFF22"}`)
				bob.send(`{"action":"join","id":"3","name":"Bob"}`)
				bob.send(`{"action":"kick","id":"4","ref":"%s"}`, ann.ID())
				r.settle(ann.ID())
			},
			fails: []string{"tickets", "no kick"},
			has: []string{
				`"ticket":"${ticket}"`, `client2.SendText(h.Expand(`, `ann.ExpectClosed(1000)`, "ann.ExpectNone() // waits",
				"client2.ExpectFrame(",
				`"ref":"` + "` + ann.ID() + `",
			},
		},
		"Times": { // that devices send
			play: func(r *recording) {
				ann := r.connect("ann")
				for range 3 {
					ann.send(`{"action":"report","id":"1","at":%q}`, r.clock.Now().Add(-1500*time.Millisecond).Format(time.RFC3339Nano))
					r.pass(5 * time.Second)
				}
				ann.send(`{"action":"report","id":"2","at":"2001-02-03T04:05:06Z"}`)
			},
			fails:   []string{"another time"},
			has:     []string{"h.Now().Truncate(time.Second)", `"at":"2001-02-03T04:05:06Z"`},
			bubble:  []string{"at(5 * time.Second)", "at(10 * time.Second)", "time.Sleep(123 * time.Millisecond)"},
			outside: []string{"h.Advance(5 * time.Second)"},
		},
		"Idle": {
			play: func(r *recording) {
				ann := r.connect("ann")
				r.advance(9 * time.Minute)
				bob := r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				r.advance(9*time.Minute + 59*time.Second)
				bob.send(`{"action":"say","id":"2","text":"awake"}`)
				r.pass(10 * time.Minute) // Bob is idle; Ann gets a push for it
			},
			fails: []string{"event"},
			has: []string{
				"(9 * time.Minute)", "(9*time.Minute + 59*time.Second)", "bob.ExpectClosed(1001)",
			},
			bubble:  []string{"move(9 * time.Minute)", "at(10*time.Minute + 1*time.Millisecond)"},
			outside: []string{"h.Advance(9 * time.Minute)"},
		},
		"MovedAtOnce": { // what the move makes happen has not been before the beginning
			play: func(r *recording) {
				r.connect("ann")
				r.advance(11 * time.Minute) // Ann is idle
				bob := r.connect("bob")
				r.pass(time.Second)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
			},
			fails:   []string{"tickets"},
			has:     []string{"ann.ExpectClosed(1001)"},
			bubble:  []string{"\n\t\tmove(11 * time.Minute)\n", "\n\t\tat(time.Second)\n"},
			outside: []string{"\n\th.Advance(11 * time.Minute)\n"},
		},
		"Refused": {
			play: func(r *recording) {
				_, err := r.gw.Connect(r.t.Context(), emulator.Handshake{Query: map[string][]string{"room": {"closed"}}}, quiet{})
				require.Error(r.t, err)
				ann := r.connect("ann", "room", "open")
				ann.send(`{"action":"redeem","id":"1","ticket":"x"}`)
			},
			has: []string{`h.ConnectRefused(wstest.WithQuery("room", "closed")); status != 403`, `wstest.WithQuery("room", "open")`},
		},
		"Odd": { // messages that are not JSON, error frames, panics, messages that the gateway refuses
			play: func(r *recording) {
				ann, bob, cy, dan := r.connect(""), r.connect(""), r.connect(""), r.connect("")
				ann.send("no JSON, `quoted`\n")
				ann.send(`{"action":"panic","id":"1"}`)
				ann.send(`{"action":"nothing","id":"2"}`)
				ann.send(``)
				ann.send(`{"action":"large","id":"3"}`)
				r.cut(1000)
				require.NoError(r.t, bob.Receive(r.t.Context(), emulator.Message{Data: []byte{1}, Binary: true}))
				require.NoError(r.t, cy.Receive(r.t.Context(), emulator.Message{Data: make([]byte, gatesock.MaxMessageSize+1)}))
				require.NoError(r.t, dan.Receive(r.t.Context(), emulator.Message{Data: []byte("\xff")}))
				r.connect("").Abort(r.t.Context())
				r.connect("").Close(r.t.Context(), 0, "")
			},
			has: []string{
				"h.TakeErrors()", "client2.ExpectClosed(1003)", "client3.ExpectClosed(1009)", "client4.ExpectClosed(1007)",
				"client5.Abort()", `client6.Close(0, "")`, `"Internal server error", "connectionId":"` + "` + client1.ID() + `",
				`0123456789012345678901234…`,
			},
		},
		"ByHand": { // what somebody does on the page
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				require.NoError(r.t, r.gw.Post(r.t.Context(), gatesock.Target{ConnectionID: ann.ID()}, []byte("by hand")))
				r.by(entry.Called, ann)
				cy := r.connect("cy")
				require.NoError(r.t, r.gw.Disconnect(r.t.Context(), gatesock.Target{ConnectionID: cy.ID()}))
				r.by(entry.Called, cy)
				r.settle(cy.ID())
				require.NoError(r.t, bob.Disconnect(r.t.Context(), emulator.CloseStatus{Code: 4000, Reason: "out"}))
				r.by(entry.Disconnected, bob)
			},
			fails: []string{"event"},
			has:   []string{`post(t, h, ann, "by hand", 200)`, `disconnect(t, h, bob, 4000, "out")`, `disconnect(t, h, cy, 0, "")`, "bob.ExpectClosed(4000)"},
		},
		"Chance": { // faults by chance happen at the same places
			play: func(r *recording) {
				ann := r.connect("ann")
				r.addFault("1", `{"fault":"gone","chance":0.5}`, emulator.Gone().Chance(0.5))
				r.addFault("2", `{"fault":"lost-disconnect","chance":0.4}`, emulator.LoseDisconnect().Chance(0.4))
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				for i := range 12 {
					bob := r.connect(fmt.Sprint("bob", i))
					bob.send(`{"action":"join","id":"1","name":"B%d"}`, i)
					ann.send(`{"action":"say","id":"2","text":"%d"}`, i)
					bob.Close(r.t.Context(), 1000, "")
				}
			},
			fails: []string{"event"},
			has:   []string{"emulator.NewFaults(7)", "emulator.Gone().Chance(0.5)", "bob0"},
		},
		"FromTheStart": {
			play: func(r *recording) {
				r.addFault("1", `{"fault":"throttled","times":2,"route":"say"}`, emulator.Throttled(emulator.Throttle{}).Times(2).On("say"))
				r.addFault("2", `{"fault":"gone","chance":0.3}`, emulator.Gone().Chance(0.3))
				ann := r.connect("ann")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				for i := range 8 {
					ann.send(`{"action":"say","id":"2","text":"%d"}`, i)
				}
			},
			has: []string{"A fault strikes some calls.", "emulator.NewFaults(7)\n", "faults.Add(emulator.Gone().Chance(0.3))"},
		},
		"Faults": { // in the middle, for a connection, with times that pass
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				r.addFault("1", `{"fault":"gone","connections":["#1"]}`, emulator.Gone().For(ann.ID()))
				bob.send(`{"action":"say","id":"2","text":"not for Ann"}`)
				r.removeFault("1")
				r.addFault("2", `{"fault":"fail-delivered","status":410,"times":1}`, emulator.FailDelivered(gatesock.ErrGone).Times(1))
				bob.send(`{"action":"say","id":"3","text":"for both"}`)
				r.addFault("3", `{"fault":"hold","delay":"2s","route":"say"}`, emulator.Hold(2*time.Second).On("say"))
				bob.send(`{"action":"say","id":"4","text":"later"}`)
				bob.send(`{"action":"poke","id":"5"}`)
				r.pass(2 * time.Second)
				r.removeFault("3")
				r.addFault("4", `{"fault":"cold-start","delay":"3s","route":"say"}`, emulator.ColdStart(3*time.Second).On("say"))
				ann.send(`{"action":"say","id":"6","text":"even later"}`)
				r.pass(4 * time.Second)
				r.removeFault("4")
				r.addFault("5", `{"fault":"late-disconnect","delay":"1m"}`, emulator.DelayDisconnect(time.Minute))
				cy := r.connect("cy")
				cy.Close(r.t.Context(), 1000, "")
				ann.send(`{"action":"say","id":"7","text":"meanwhile"}`)
				r.pass(2 * time.Minute)
				r.addFault("6", `{"fault":"half-open","delay":"5s","noticed":"30s","connections":["`+bob.ID()+`"]}`,
					emulator.HalfOpen(5*time.Second, 30*time.Second).For(bob.ID()))
				r.pass(10 * time.Second)
				ann.send(`{"action":"say","id":"8","text":"not for Bob"}`)
				r.pass(time.Minute)
				r.addFault("7", `{"fault":"restart"}`, emulator.Restart(0))
			},
			fails: []string{"event", "order"},
			has: []string{
				"heal1 := h.Faults().Add(emulator.Gone().For(ann.ID()))", "heal1()", "emulator.FailDelivered(gatesock.ErrGone).Times(1)",
				"emulator.HalfOpen(5*time.Second, 30*time.Second).For(bob.ID())", "ann.ExpectClosed(1012)",
			},
		},
		"Running": { // as in the workbench: time passes between and while messages are handled
			real: true,
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				r.addFault("1", `{"fault":"hold","delay":"50ms","route":"say"}`, emulator.Hold(50*time.Millisecond).On("say"))
				ann.send(`{"action":"say","id":"2","text":"later"}`)
				bob.send(`{"action":"poke","id":"2"}`)
				r.await(func(e entry.Entry) bool { return e.Kind == entry.Sent && e.Route == "say" })
				r.removeFault("1")
				r.addFault("2", `{"fault":"slow","delay":"30ms"}`, emulator.Slow(30*time.Millisecond))
				ann.send(`{"action":"say","id":"3","text":"slowly"}`)
				r.removeFault("2")
				r.advance(9 * time.Minute)
				ann.send(`{"action":"report","id":"4","at":%q}`, r.clock.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano))
				r.advance(time.Minute)
				r.await(func(e entry.Entry) bool { return e.Kind == entry.Disconnected && e.ConnectionID == bob.ID() })
				r.settle(bob.ID())
				ann.send(`{"action":"say","id":"5","text":"alone"}`)
			},
			fails:   []string{"event", "order", "another time"},
			has:     []string{"bob.ExpectClosed(1001)"},
			bubble:  []string{"move(9 * time.Minute)"},
			outside: []string{"h.Advance(9 * time.Minute)"},
		},
		"Slow": { // handlers, and clients that connect, wait
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				r.gw.Faults().OnFault(func(e emulator.FaultEvent) { go r.clock.Advance(e.Delay) })
				r.addFault("1", `{"fault":"slow","delay":"2s"}`, emulator.Slow(2*time.Second))
				bob.send(`{"action":"say","id":"2","text":"slowly"}`)
				r.removeFault("1")
				r.addFault("2", `{"fault":"cold-start","delay":"3s","route":"$connect"}`, emulator.ColdStart(3*time.Second).On("$connect"))
				r.connect("cy").send(`{"action":"say","id":"1","text":"late"}`)
			},
			fails:  []string{"event"},
			has:    []string{"emulator.Slow(2 * time.Second)", "h.Faults().OnFault("},
			lacks:  []string{"h.Advance(2 * time.Second)", "\tat("},
			bubble: []string{"time.Sleep(4 * time.Second)", "time.Sleep(3 * time.Second)"},
		},
		"RefusedByHand": { // a post by hand that uses up a fault, and one whose frame arrives all the same
			play: func(r *recording) {
				ann := r.connect("ann")
				to := gatesock.Target{ConnectionID: ann.ID()}
				r.addFault("1", `{"fault":"gone","times":1}`, emulator.Gone().Times(1))
				require.Error(r.t, r.gw.Post(r.t.Context(), to, []byte("not delivered")))
				r.by(entry.Called, ann)
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				r.addFault("2", `{"fault":"fail-delivered","status":429,"times":1}`, emulator.FailDelivered(gatesock.ErrThrottled).Times(1))
				require.Error(r.t, r.gw.Post(r.t.Context(), to, []byte("delivered")))
				r.by(entry.Called, ann)
				ann.send(`{"action":"say","id":"2","text":"x"}`)
			},
			fails: []string{"event", "missing post"},
			has:   []string{`post(t, h, ann, "not delivered", 410)`, `post(t, h, ann, "delivered", 429)`},
		},
		"Fragmented": { // a message that is larger than a frame may be
			play: func(r *recording) {
				ann := r.connect("ann")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				text := `{"action":"say","id":"2","text":"` + strings.Repeat("x", gatesock.MaxFrameSize) + `"}`
				require.NoError(r.t, ann.Receive(r.t.Context(), emulator.Message{
					Data: []byte(text), Frames: []int{gatesock.MaxFrameSize, len(text) - gatesock.MaxFrameSize},
				}))
				ann.send(`{"action":"say","id":"3","text":"y"}`)
			},
			fails: []string{"event"},
			has:   []string{"sendFragmented(t, h, ann, `"},
		},
		"Beside": { // messages and the end of a connection, while other handlers wait
			sleep: true,
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				sleep(time.Second)
				go ann.send(`{"action":"gather","id":"2"}`)
				sleep(200 * time.Millisecond)
				go bob.send(`{"action":"gather","id":"2"}`)
				sleep(100 * time.Millisecond)
				bob.send(`{"action":"say","id":"3","text":"one"}`)
				cy := r.connect("cy")
				cy.send(`{"action":"join","id":"1","name":"Cy"}`)
				sleep(300 * time.Millisecond)
				cy.send(`{"action":"redeem","id":"2","ticket":"%s"}`, r.last(entry.Sent, cy.ID(), "ticket"))
				sleep(time.Second)
				ann.send(`{"action":"say","id":"4","text":"two"}`)
			},
			fails: []string{"event"},
			bubble: []string{
				"end1 := start(func() {", "end2 := start(func() {", "\t\tend1()\n\t\tend2()\n",
				`ann.ExpectNext(` + "`" + `{"event":"gathered","data":{"said":1}}` + "`" + `)`,
			},
		},
		"Loaded": { // a machine that takes its time for each message, which is not that of the application
			sleep: true,
			play: func(r *recording) {
				ann := r.connect("ann")
				r.load = 60 * time.Millisecond
				for i := range 6 {
					ann.send(`{"action":"pace","id":"%d"}`, i)
					sleep(700*time.Millisecond - r.load)
				}
			},
			fails:  []string{"pace"},
			bubble: []string{"at(700 * time.Millisecond)", "at(1400 * time.Millisecond)"},
		},
		"MovedMeanwhile": { // the page moves the clock while a handler waits
			sleep: true,
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				sleep(9*time.Minute + 50*time.Second)
				go ann.send(`{"action":"gather","id":"2"}`)
				sleep(200 * time.Millisecond)
				r.advance(20 * time.Second) // Bob is idle
				r.settle(bob.ID())
				ann.send(`{"action":"say","id":"3","text":"one"}`)
				sleep(time.Second)
				ann.send(`{"action":"say","id":"4","text":"two"}`)
			},
			fails:  []string{"event"},
			bubble: []string{"move(20 * time.Second)", "at(9*time.Minute + 50*time.Second + 200*time.Millisecond)"},
		},
		"TimedOut": { // the page moves the clock until a handler has taken too long
			sleep: true,
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				sleep(time.Second)
				go ann.send(`{"action":"linger","id":"2"}`)
				sleep(200 * time.Millisecond)
				r.advance(30 * time.Second)
				sleep(time.Second)
				bob.send(`{"action":"say","id":"1","text":"late"}`)
			},
			fails:  []string{"event"},
			bubble: []string{"move(30 * time.Second)\n\t\tend1()\n", `"Endpoint request timed out"`},
		},
		"DisconnectedMeanwhile": { // the page closes a connection, whose $disconnect waits
			sleep: true,
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Slow"}`)
				sleep(time.Second)
				go func() {
					assert.NoError(r.t, bob.Disconnect(r.t.Context(), emulator.CloseStatus{Code: 4000, Reason: "out"}))
				}()
				sleep(100 * time.Millisecond)
				ann.send(`{"action":"say","id":"2","text":"before he has left"}`)
				r.by(entry.Disconnected, bob)
				sleep(time.Second)
			},
			fails:  []string{"event"},
			bubble: []string{"disconnect(t, h, bob, 4000, \"out\")\n\t\t})"},
		},
		"Repeated": { // a $disconnect that comes twice
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				r.addFault("1", `{"fault":"repeated-disconnect","delay":"1s"}`, emulator.RepeatDisconnect(time.Second))
				bob.Close(r.t.Context(), 1000, "")
				ann.send(`{"action":"say","id":"2","text":"between"}`)
				r.pass(2 * time.Second)
				ann.send(`{"action":"say","id":"3","text":"after"}`)
			},
			fails:   []string{"event"},
			bubble:  []string{"bob.Close(1000, \"\")\n\t\tann.ExpectNext("},
			outside: []string{"bob.Close(1000, \"\")\n\tann.ExpectNext("},
		},
		"Overlap": { // two messages that are handled at the same time, and posts that do not say by whom
			play: func(r *recording) {
				ann, bob := r.connect("ann"), r.connect("bob")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				bob.send(`{"action":"join","id":"1","name":"Bob"}`)
				before := len(r.all())
				ann.send(`{"action":"say","id":"2","text":"from Ann"}`)
				bob.send(`{"action":"say","id":"2","text":"from Bob"}`)
				r.overlap(before)
			},
			fails: []string{"event", "missing post", "twice"},
			has:   []string{"These were handled at the same time", `ann.ExpectFrame(`, `bob.ExpectFrame(`, "one after the other"},
		},
		"Schedule": { // what no client causes
			play: func(r *recording) {
				ann := r.connect("ann")
				ann.send(`{"action":"join","id":"1","name":"Ann"}`)
				r.add(entry.Entry{Kind: entry.Schedule, Text: "sweep"})
				require.NoError(r.t, r.gw.Post(r.t.Context(), gatesock.Target{ConnectionID: ann.ID()}, []byte("from the schedule")))
				ann.send(`{"action":"say","id":"2","text":"x"}`)
				require.NoError(r.t, r.gw.Post(r.t.Context(), gatesock.Target{ConnectionID: ann.ID()}, []byte("from nobody")))
				r.add(entry.Entry{Kind: entry.Queue, Text: "jobs", Body: "job"})
				require.NoError(r.t, r.gw.Post(r.t.Context(), gatesock.Target{ConnectionID: ann.ID()}, []byte("from the queue")))
			},
			fails: []string{"event"},
			has: []string{
				"Here the schedule sweep was fired", `// ann.ExpectNext("from the schedule")`, `// ann.ExpectNext("from nobody")`,
				"Here a message was sent to the queue jobs", `// ann.ExpectNext("from the queue")`,
			},
		},
	}
}

// sleep lets time pass in a bubble.
func sleep(d time.Duration) { <-time.After(d) }

// by makes the page the cause of the last entry of a kind for a connection.
func (r *recording) by(kind entry.Kind, of *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.entries) - 1; i >= 0; i-- {
		if r.entries[i].Kind == kind && r.entries[i].ConnectionID == of.ID() {
			r.entries[i].By = entry.ByPage
			return
		}
	}
}

// cut cuts the body of the last entry, as a workbench does that keeps less.
func (r *recording) cut(size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &r.entries[len(r.entries)-1]
	e.Body, e.Cut = e.Body[:size], len(e.Body)-size
}

// overlap makes it look as if what came after the first entries had been handled at the same time.
func (r *recording) overlap(first int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	later := r.entries[first:]
	rank := map[entry.Kind]int{entry.Received: 0, entry.Called: 1}
	slices.SortStableFunc(later, func(a, b entry.Entry) int {
		of := func(e entry.Entry) int {
			if n, ok := rank[e.Kind]; ok {
				return n
			}
			return 2
		}
		return of(a) - of(b)
	})
	for i := range later {
		later[i].Seq = uint64(first + i + 1)
		if later[i].Kind == entry.Called {
			later[i].RequestID = ""
		}
	}
}
