package clienttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// scenario is a story of testdata/scenarios; the README there says of the steps.
type scenario struct {
	Name    string   `json:"name"`
	Rules   []string `json:"rules"`   // of docs/protocol.md, such as "9.4.5"
	Bug     string   `json:"bug"`     // of another client that the scenario would find
	Member  bool     `json:"member"`  // it begins as a member of topic a, at offset 5 of epoch 1-x
	Only    string   `json:"only"`    // the client that has what it is about: "go" or "js"
	Options options  `json:"options"` // of the client
	Steps   []step   `json:"steps"`

	file string
}

// step has one member that says what happens, and perhaps on, to and as.
type step map[string]json.RawMessage

func readScenarios(t *testing.T) (all []scenario) {
	t.Helper()
	files, err := filepath.Glob("testdata/scenarios/*.json")
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var list []scenario
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&list), name)
		for _, sc := range list {
			sc.file = strings.TrimSuffix(filepath.Base(name), ".json")
			all = append(all, sc)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// playAll plays all scenarios with clients of one kind.
func playAll(t *testing.T, kind string, newAgent func(t *testing.T) agent) {
	t.Helper()
	for _, sc := range readScenarios(t) {
		if sc.Only != "" && sc.Only != kind {
			continue
		}
		t.Run(sc.file+": "+sc.Name, func(t *testing.T) {
			a := newAgent(t)
			if _, ok := a.(live); ok && notForLive(sc.Name) != "" {
				t.Skip(notForLive(sc.Name))
			}
			synctest.Test(t, func(t *testing.T) { play(t, a, sc) })
		})
	}
}

// begin waits until the time at which scenarios begin.
func begin() {
	time.Sleep(time.Until(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))) //nolint:forbidigo // in a bubble
}

// notForLive returns why a client with a clock of its own cannot play a scenario, and "" if it can.
func notForLive(name string) string {
	switch name {
	case "a network that is back is tried at once":
		return "it does not learn that there is no network"
	case "a computer that slept tries at once",
		"a computer that slept asks whether its connection is alive",
		"a computer that slept tries before its time, as any timer shows",
		"a computer that slept for a short time asks whether its connection is alive":
		return "its timers are never late here"
	}
	return ""
}

func play(t *testing.T, a agent, sc scenario) {
	t.Helper()
	begin()
	s := newStage(t, a)
	defer s.end()
	if sc.Options.Random == nil && sc.Options.Seed == 0 {
		half := 0.5
		sc.Options.Random = &half
	}
	a.begin(time.Now(), sc.Options)
	s.run()
	if sc.Member {
		s.member()
	}
	for i, step := range sc.Steps {
		s.perform(fmt.Sprintf("step %d", i+1), step)
	}
	s.finish()
}

// member makes the client a member of topic a.
func (s *stage) member() {
	s.t.Helper()
	s.client.do(time.Now(), command{Do: "subscribe", Topic: "a"})
	s.connect(s.dialed(), "")
	s.last = s.takes(0)
	require.Equal(s.t, "subscribe", s.last.fields["action"])
	s.answer(s.last, `"data":{"topic":"a","epoch":"1-x","offset":5,"recovered":true,"events":[]}`)
	require.Equal(s.t, []string{"subscribed a 1-x:5"}, s.told["told"])
	clear(s.told)
}

// finish checks that the scenario has named all that was told, and that nothing is left of a client
// that was closed.
func (s *stage) finish() {
	s.t.Helper()
	s.run()
	for _, about := range []string{"call", "problem", "told"} {
		rest := slices.DeleteFunc(slices.Clone(s.told[about]), func(text string) bool {
			return strings.HasPrefix(text, "subscribed ")
		})
		require.Empty(s.t, rest, "what the scenario does not name")
	}
	s.client.do(time.Now(), command{Do: "close"})
	s.run()
	s.requireClosed()
	// A driver may tell it the time once more.
	time.Sleep(time.Hour) //nolint:forbidigo // in a bubble
	s.client.tick(time.Now())
	s.run()
	s.requireClosed()
}

func (s *stage) requireClosed() {
	s.t.Helper()
	for _, l := range s.links {
		require.Equal(s.t, over, l.state, "connection %d of a client that was closed", l.number)
	}
	_, due := s.client.deadline()
	require.False(s.t, due, "a timer of a client that was closed")
	require.Empty(s.t, s.client.left(), "of a client that was closed")
}

// value decodes the value of a step.
func value[T any](s *stage, text json.RawMessage) (v T) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal(text, &v), string(text))
	return v
}

func millis(s *stage, text json.RawMessage) time.Duration {
	s.t.Helper()
	return time.Duration(value[int](s, text)) * time.Millisecond
}

// perform performs a step.
func (s *stage) perform(name string, st step) {
	s.t.Helper()
	verb, on, to := "", 0, s.last
	for key, text := range st {
		switch key {
		case "on":
			on = value[int](s, text)
		case "to":
			to = s.named[value[string](s, text)]
			require.NotNil(s.t, to, name)
		case "as", "//":
		default:
			require.Empty(s.t, verb, "%s: two things in one step", name)
			verb = key
		}
	}
	text := st[verb]
	name = fmt.Sprintf("%s, %s %.200s", name, verb, text)
	switch {
	case s.userDoes(verb, text):
	case s.serverDoes(verb, text, on, to):
	case s.expects(name, verb, text, on):
	default:
		require.Fail(s.t, "an unknown step", name)
	}
	if as, ok := st["as"]; ok {
		s.named[value[string](s, as)] = s.last
	}
	s.run()
}

// userDoes performs a step of the user, of the machine that the client runs on, or of time.
func (s *stage) userDoes(verb string, text json.RawMessage) bool {
	s.t.Helper()
	now := time.Now()
	switch verb {
	case "repeat":
		r := value[struct {
			Times int
			Steps []step
		}](s, text)
		for range r.Times {
			for _, st := range r.Steps {
				s.perform("a repeated step", st)
			}
		}
	case "subscribe", "history", "call", "send":
		c := value[command](s, text)
		c.Input = padded(c.Input, value[struct{ Pad int }](s, text).Pad)
		c.Do = verb
		s.client.do(now, c)
	case "unsubscribe":
		s.client.do(now, command{Do: verb, Topic: value[string](s, text)})
	case "abort":
		s.client.do(now, command{Do: verb, N: value[int](s, text)})
	case "token":
		s.client.do(now, command{Do: verb, Token: value[string](s, text)})
	case "retry", "close":
		s.client.do(now, command{Do: verb})
	case "signal":
		s.client.do(now, command{Do: value[string](s, text)})
	case "pass":
		s.pass(millis(s, text))
	case "sleep":
		if s.live { // it is awake, and does what is due
			s.until(millis(s, text), s.hasSent)
			break
		}
		time.Sleep(millis(s, text)) //nolint:forbidigo // in a bubble
		s.client.tick(time.Now())
	default:
		return false
	}
	return true
}

// padded adds a member of n characters to an input: of one byte each, or of three if n is negative.
func padded(input json.RawMessage, n int) json.RawMessage {
	switch {
	case n > 0:
		return fmt.Appendf(nil, `{"pad":%q}`, strings.Repeat("x", n))
	case n < 0:
		return fmt.Appendf(nil, `{"pad":%q}`, strings.Repeat("€", -n))
	default:
		return input
	}
}

// serverDoes performs a step of the server, of the gateway, or of the network.
func (s *stage) serverDoes(verb string, text json.RawMessage, on int, to *request) bool {
	s.t.Helper()
	switch verb {
	case "online":
		s.connect(s.dialed(), "")
	case "reject":
		s.connect(s.dialed(), strconv.Itoa(value[int](s, text)))
	case "hang":
		s.connect(s.dialed(), "hang")
	case "cut":
		s.cut(s.connection(on), 1006, "")
	case "drop": // the server closes the connection with a code
		s.cut(s.connection(on), value[int](s, text), "")
	case "fails": // the function, with the next message
		s.failing = value[string](s, text)
	case "reply":
		s.answer(to, `"data":`+string(text))
	case "refuse":
		s.answer(to, `"error":`+string(text))
	case "result": // {"data":…} or {"error":…}
		var members map[string]json.RawMessage
		require.NoError(s.t, json.Unmarshal(text, &members))
		for name, v := range members {
			s.post(to.link, fmt.Appendf(nil, `{"event":%s,"id":%s,%q:%s}`, quoted(to.fields["action"]), quoted(to.fields["id"]), name, v))
		}
	case "push":
		s.post(s.connection(on), text)
	case "pushes": // of single events of topic a
		r := value[struct{ From, To int }](s, text)
		for i := r.From; i <= r.To; i++ {
			s.post(s.connection(on), fmt.Appendf(nil, `{"event":"e%d","topic":"a","epoch":"1-x","offset":%d}`, i, i))
		}
	case "auto": // keep-alives, and syncs of topics that have not changed, are answered from now on
		s.auto = value[bool](s, text)
	case "ignore": // requests of an action, which are not answered
		s.ignored = value[string](s, text)
	case "beatOn": // the answer to the last keep-alive, on a connection
		s.post(s.connection(value[int](s, text)), []byte(`{"action":"keepalive","data":null}`))
	case "frame":
		s.post(s.connection(on), []byte(value[string](s, text)))
	case "beat": // the answer to a keep-alive
		s.post(to.link, fmt.Appendf(nil, `{"action":%s,"data":null}`, quoted(to.fields["action"])))
	default:
		return false
	}
	return true
}

func quoted(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// answer answers a request.
func (s *stage) answer(r *request, member string) {
	s.t.Helper()
	require.NotNil(s.t, r, "there is no request to answer")
	s.post(r.link, fmt.Appendf(nil, `{"id":%s,"action":%s,%s}`, quoted(r.fields["id"]), quoted(r.fields["action"]), member))
}

// expects performs a step that says what has to be so.
func (s *stage) expects(name, verb string, text json.RawMessage, on int) bool {
	s.t.Helper()
	switch verb {
	case "sent":
		want := value[map[string]any](s, text)
		s.last = s.takes(on)
		require.Equal(s.t, want, common(s.last.fields, want), "%s: it has sent %s", name, s.last.raw)
	case "upto":
		// Within 10 seconds. What is sent before it is of no interest.
		want := value[map[string]any](s, text)
		require.True(s.t, s.until(10*time.Second, func() bool { return s.drop(want) }), name)
	case "await":
		// Sent within so many ms. The next step says what.
		require.True(s.t, s.until(millis(s, text), s.hasSent), name)
	case "silent":
		s.run()
		require.Empty(s.t, s.inbox, "%s%s", name, s.describe())
	case "dialed":
		want := value[struct {
			URL       string
			Protocols []string
		}](s, text)
		l := s.dialed()
		if want.URL != "" {
			require.Regexp(s.t, glob(want.URL), l.dial.URL, name)
		}
		if want.Protocols != nil {
			require.Equal(s.t, want.Protocols, l.dial.Protocols, name)
		}
	case "apart": // the client is not connecting
		for _, l := range s.links {
			require.False(s.t, l.state == dialing || l.state == open, name)
		}
	case "closed": // the client has closed a connection
		require.Equal(s.t, over, s.connection(value[int](s, text)).state, name)
	case "opened": // a connection is open
		require.Equal(s.t, open, s.connection(value[int](s, text)).state, name)
	case "told", "state", "calls", "problems":
		if text[0] == '"' {
			s.hearsOf(name, strings.TrimSuffix(verb, "s"), value[string](s, text))
			break
		}
		s.hears(name, strings.TrimSuffix(verb, "s"), value[[]string](s, text))
	case "heard": // single events of topic a, in order
		r := value[struct{ From, To int }](s, text)
		var want []string
		for i := r.From; i <= r.To; i++ {
			want = append(want, fmt.Sprintf("event a e%d 1-x:%d", i, i))
		}
		s.hears(name, "told", want)
	case "status":
		for about, want := range value[map[string]string](s, text) {
			require.Equal(s.t, want, s.status[about], "%s: %s", name, about)
		}
	case "dials": // so many since the beginning
		require.Len(s.t, s.links, value[int](s, text), name)
	case "same": // the members of two requests
		names := value[[]string](s, text)
		a, b := s.named[names[0]], s.named[names[1]]
		for _, member := range names[2:] {
			require.Equal(s.t, a.fields[member], b.fields[member], name)
		}
	case "other": // members of two requests that differ
		names := value[[]string](s, text)
		a, b := s.named[names[0]], s.named[names[1]]
		for _, member := range names[2:] {
			require.NotEqual(s.t, a.fields[member], b.fields[member], name)
		}
	default:
		return false
	}
	return true
}

func (s *stage) hasSent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inbox) > 0
}

// hears compares what was told since the last time.
func (s *stage) hears(name, about string, want []string) {
	s.t.Helper()
	s.run()
	got := s.told[about]
	delete(s.told, about)
	if s.live {
		got, want = loosely(about, got), loosely(about, want)
	}
	same := len(got) == len(want)
	for i := range want {
		same = same && regexp.MustCompile(glob(want[i])).MatchString(got[i])
	}
	if !same {
		require.Equal(s.t, want, got, name)
	}
}

// loosely prepares what is told for a comparison with a client whose users take things from
// iterators. They learn once that a subscription has begun, and the order of different things is
// that in which they take them. The position of a page is that of its first event.
func loosely(about string, texts []string) []string {
	texts = slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		return strings.HasPrefix(text, "subscribed ") || strings.HasPrefix(text, "ready ")
	})
	for i, text := range texts {
		texts[i] = pagePosition.ReplaceAllString(text, "$1")
	}
	slices.SortStableFunc(texts, func(a, b string) int { return cmp.Compare(source(about, a), source(about, b)) })
	return texts
}

// pagePosition is what only the machine says of a page.
var pagePosition = regexp.MustCompile(`^(history \d+ ok) \S+:\d+( more)?`)

// source returns what a text is about.
func source(about, text string) string {
	words := strings.SplitN(text, " ", 3)
	switch {
	case about == "call":
		return words[0]
	case about != "told" || len(words) < 2:
		return about
	case words[0] == "event" || words[0] == "lost" || words[0] == "failed" || words[0] == "position":
		return "topic " + words[1]
	default:
		return words[0]
	}
}

// hearsOf checks what was told since the last time: "any" is of no interest, "same" is nothing,
// "has X" is among others, and "last X" the last.
func (s *stage) hearsOf(name, about, want string) {
	s.t.Helper()
	s.run()
	got := s.told[about]
	delete(s.told, about)
	how, text, _ := strings.Cut(want, " ")
	matches := func(g string) bool { return regexp.MustCompile(glob(text)).MatchString(g) }
	switch how {
	case "any":
	case "same":
		require.Empty(s.t, got, name)
	case "has":
		require.True(s.t, slices.ContainsFunc(got, matches), "%s: %q", name, got)
	case "last":
		require.True(s.t, len(got) > 0 && matches(got[len(got)-1]), "%s: %q", name, got)
	default:
		require.Fail(s.t, "an unknown expectation", name)
	}
}

// drop takes requests until one that has the members. It reports whether there was one.
func (s *stage) drop(want map[string]any) bool {
	for s.hasSent() {
		s.last = s.takes(0)
		if assert.ObjectsAreEqual(want, common(s.last.fields, want)) {
			return true
		}
	}
	return false
}

// glob returns the expression for a text in which * stands for anything.
func glob(text string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*") + "$"
}

// common returns the part of a value that another one has too. What is null there is absent here,
// and "*" stands for anything that is there.
func common(value, want any) any {
	switch want := want.(type) {
	case map[string]any:
		object, _ := value.(map[string]any)
		part := make(map[string]any)
		for k, w := range want {
			part[k] = common(object[k], w)
		}
		return part
	case []any:
		list, _ := value.([]any)
		part := slices.Clone(list)
		for i := range min(len(list), len(want)) {
			part[i] = common(list[i], want[i])
		}
		return part
	case string:
		if want == "*" && value != nil {
			return want
		}
		return value
	default:
		return value
	}
}

// at writes a position.
func at(p topicwire.Position) string { return fmt.Sprintf("%s:%d", p.Epoch, p.Offset) }
