package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// values knows which values of a session are others in each run, and how the test writes them.
type values struct {
	session *session
	ids     map[string]bool // that the gateway gave
	seen    map[string]*sighting
	drawn   map[string]bool // members of JSON with values that look random
	names   names
	times   names
	// variables have the texts of times that clients send, by stamp.key.
	variables map[string]string
	// declared has the clients that the test has connected.
	declared map[*client]bool
}

// sighting is where a value occurs.
type sighting struct {
	sent, received int // the first step, from 1; 0: nowhere
	nth            int // of all values
	count          int // in frames
	key            string
	name           string // in patterns
}

// drawnMembers are members of the protocol whose values are others in each run; see
// docs/protocol.md.
var drawnMembers = map[string]bool{ //nolint:gochecknoglobals // a constant
	"epoch": true, "digest": true, "cursor": true, "ref": true, "retryAfterMs": true, "expiresInMs": true, "spreadMs": true,
}

func newValues(s *session) *values {
	v := &values{
		session: s, ids: s.idsOf(), seen: map[string]*sighting{}, drawn: map[string]bool{},
		names: names{}, times: names{}, variables: map[string]string{}, declared: map[*client]bool{},
	}
	place := 0
	for _, st := range s.steps {
		place++
		for _, a := range st.does {
			v.noteSent(a, place)
		}
		place++
		for _, e := range st.effects {
			if !e.end {
				v.noteReceived(string(e.entry.Data()), place)
			}
		}
	}
	v.nameValues()
	return v
}

// of returns the sightings of a value.
func (v *values) of(text string) *sighting {
	s := v.seen[text]
	if s == nil {
		s = &sighting{nth: len(v.seen)}
		v.seen[text] = s
	}
	return s
}

// noteSent notes the values that a client sends.
func (v *values) noteSent(a action, place int) {
	texts := []string{}
	switch a.kind {
	case sends, posts:
		texts = append(texts, string(a.entry.Data()))
	case connects, refused:
		if h := a.entry.Handshake; h != nil {
			for _, values := range [...]map[string][]string{h.Headers, h.Query} {
				for _, all := range values {
					texts = append(texts, all...)
				}
			}
			texts = append(texts, h.Subprotocols...)
			for _, value := range h.Authorizer {
				texts = append(texts, fmt.Sprint(value))
			}
		}
	default:
	}
	for _, text := range texts {
		for _, r := range v.runs(text) {
			s := v.of(text[r.from:r.to])
			if s.sent == 0 {
				s.sent = place
			}
		}
	}
}

// noteReceived notes the values of a frame.
func (v *values) noteReceived(text string, place int) {
	for _, r := range v.runs(text) {
		value := text[r.from:r.to]
		s := v.of(value)
		s.count++
		if s.received == 0 {
			s.received, s.key = place, r.key
		}
		if r.key != "" && s.fromServer() && looksRandom(value) {
			v.drawn[r.key] = true
		}
	}
}

// fromServer reports whether a value was received before it was sent.
func (s *sighting) fromServer() bool {
	return s.received > 0 && (s.sent == 0 || s.received < s.sent)
}

// runs returns the values of a text. Ids of the gateway are values of their own, and so are parts
// between the characters ":|#@", except in times.
func (v *values) runs(text string) (all []run) {
	for _, r := range lexRuns(text) {
		all = append(all, v.split(text, r)...)
	}
	return all
}

func (v *values) split(text string, r run) (parts []run) {
	value := text[r.from:r.to]
	if v.ids[value] || isoTime.MatchString(value) {
		return []run{r}
	}
	for i := 0; i+idLength <= len(value); i++ {
		if v.ids[value[i:i+idLength]] {
			id := run{from: r.from + i, to: r.from + i + idLength, key: r.key, quoted: r.quoted}
			before, after := r, r
			before.to, after.from = id.from, id.to
			return slices.Concat(v.split(text, before), []run{id}, v.split(text, after))
		}
	}
	at := r.from
	for i := r.from; i <= r.to; i++ {
		if i == r.to || strings.IndexByte(":|#@", text[i]) >= 0 {
			if i > at {
				parts = append(parts, run{from: at, to: i, key: r.key, quoted: r.quoted})
			}
			at = i + 1
		}
	}
	return parts
}

// differs reports whether a value that the server makes is another one in each run.
func (v *values) differs(value, key string) bool {
	if v.ids[value] || drawnMembers[key] || looksRandom(value) || v.drawn[key] && len(value) >= 8 {
		return true
	}
	_, isTime := v.session.parseStamp(value)
	return isTime
}

// nameValues names the values that differ and that several frames have, or that clients send back.
// Times of the server get a name only if clients send them back: two that are the same in one run
// need not be in another.
func (v *values) nameValues() {
	for _, value := range slices.SortedFunc(maps.Keys(v.seen), func(a, b string) int {
		return cmp.Compare(v.seen[a].nth, v.seen[b].nth)
	}) {
		s := v.seen[value]
		if !s.fromServer() || v.session.client(value) != nil || !v.differs(value, s.key) {
			continue
		}
		_, isTime := v.session.parseStamp(value)
		if s.sent > 0 || s.count > 1 && !isTime && !isAmount(s.key) {
			s.name = v.names.free(nameOf(s.key), "value", 1)
		}
	}
}

// isAmount reports whether a member is a duration, which may be the same by accident.
func isAmount(key string) bool { return strings.HasSuffix(key, "Ms") }

// nameOf returns a name for the value of a member, or "".
func nameOf(key string) string {
	name := strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, key)
	if name == "" || len(name) > 30 || unicode.IsDigit(rune(name[0])) {
		return ""
	}
	return name
}

// received returns the pieces of a frame's pattern.
func (v *values) received(text string, cut bool) (pieces []piece) {
	runs := v.runs(text)
	if n := len(runs); cut && n > 0 && runs[n-1].to == len(text) && runs[n-1].to-runs[n-1].from < 64 {
		text, runs = text[:runs[n-1].from], runs[:n-1] // half a value
	}
	at := 0
	for _, items := range v.unorderedLists(text) {
		from, to := items[0].from, items[len(items)-1].to
		pieces = append(pieces, v.part(text, runs, at, from)...)
		pieces = append(pieces, v.anyItems(text, items)...)
		at = to
	}
	pieces = append(pieces, v.part(text, runs, at, len(text))...)
	for i := range pieces {
		pieces[i].literal = noNames(pieces[i].literal)
	}
	if cut {
		pieces = append(pieces, piece{literal: "…"})
	}
	return pieces
}

// part returns the pieces of a part of a frame.
func (v *values) part(text string, runs []run, from, to int) []piece {
	var own []run
	for _, r := range runs {
		if r.from >= from && r.to <= to {
			own = append(own, run{from: r.from - from, to: r.to - from, key: r.key})
		}
	}
	text = text[from:to]
	return replace(text, own, func(r run) (piece, bool) {
		value := text[r.from:r.to]
		s := v.of(value)
		if c := v.session.client(value); c != nil && v.declared[c] {
			return piece{expression: c.variable + ".ID()"}, true
		}
		if p, ok := v.sentTime(value); ok {
			return p, true
		}
		switch {
		case !v.differs(value, r.key) || !s.fromServer() && !v.ids[value]:
			return piece{}, false
		case s.name != "":
			return piece{name: s.name}, true
		}
		return piece{name: "_"}, true
	})
}

// sentTime returns the piece for a time that a client has sent before.
func (v *values) sentTime(value string) (piece, bool) {
	st, ok := v.session.parseStamp(value)
	if !ok {
		return piece{}, false
	}
	variable, ok := v.variables[st.key()]
	return piece{expression: variable}, ok
}

// sent returns the pieces of a message of a client at a time, and the declarations of the times in
// it.
func (v *values) sent(text string, now time.Time) (pieces []piece, declarations []string) {
	pieces = replace(text, v.runs(text), func(r run) (piece, bool) {
		value := text[r.from:r.to]
		s := v.of(value)
		if c := v.session.client(value); c != nil && v.declared[c] {
			return piece{expression: c.variable + ".ID()"}, true
		}
		if s.name != "" {
			return piece{name: s.name}, true
		}
		st, ok := v.session.parseStamp(value)
		if !ok || s.fromServer() || st.at.Sub(now).Abs() > 24*time.Hour {
			return piece{}, false
		}
		if p, ok := v.sentTime(value); ok {
			return p, true
		}
		variable := v.times.free("", "at", uint64(len(v.times)+1))
		v.variables[st.key()] = variable
		at := "h.Now().Truncate(time.Second)" + plus(st.at.Sub(now.Truncate(time.Second)))
		declarations = append(declarations, variable+" := "+st.source(at))
		return piece{expression: variable}, true
	})
	return pieces, declarations
}

func plus(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return ".Add(" + goDuration(d) + ")"
}

// sendsTimes reports whether a client sends a time of the session, which the test must send as a
// time of its own.
func (v *values) sendsTimes() bool {
	for _, st := range v.session.steps {
		for _, a := range st.does {
			if a.kind == sends && v.hasTime(a.entry) {
				return true
			}
		}
	}
	return false
}

func (v *values) hasTime(e *entry.Entry) bool {
	text := string(e.Data())
	return slices.ContainsFunc(v.runs(text), func(r run) bool {
		value := text[r.from:r.to]
		st, ok := v.session.parseStamp(value)
		return ok && !v.of(value).fromServer() && st.at.Sub(e.Time).Abs() <= 24*time.Hour
	})
}
