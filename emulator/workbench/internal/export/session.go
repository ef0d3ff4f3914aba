package export

import (
	"slices"
	"time"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// session is what happened at one stage, as a test repeats it.
type session struct {
	stage   string
	options TestOptions
	entries []*entry.Entry
	clients []*client // in the order of their handshakes
	steps   []*step   // in order
	faults  []*addedFault
	// timed means that the test moves the clock as much as it moved in the recording, because
	// something depended on it.
	timed bool
	moves []move // of the clock, in order
	// fromTheMiddle means that there were entries, or connections, before the recording.
	fromTheMiddle bool
	// first and last are the times of the first and the last entry.
	first, last time.Time
}

// client is a client of the session.
type client struct {
	number    uint64
	id        string
	variable  string // in the test
	handshake *entry.Handshake
	unknown   bool   // its handshake was not recorded
	deafFrom  uint64 // the entry from which on nothing arrives, because the connection is half-open
	ended     bool   // while the session is read
}

// hears reports whether a client receives the frame of an entry.
func (c *client) hears(e *entry.Entry) bool { return c.deafFrom == 0 || e.Seq < c.deafFrom }

// step is something that is done to the application or to the gateway, and what clients receive for
// it.
type step struct {
	seq     uint64
	time    time.Time
	does    []action
	effects []effect
	// anyOrder means that it was not recorded which of several causes an effect had.
	anyOrder bool
	// foreign means that the test does not repeat the cause, so that its effects are missing.
	foreign bool
	// until is when all that it caused and that the test waits for had happened. In the end, this and
	// time are as if nobody had moved the clock.
	until time.Time
	// to is the number of the last entry of what it caused.
	to uint64
	// waited is for how long the clock moves meanwhile, because a handler or a client waits.
	waited time.Duration
}

// moves reports whether the step moves the clock.
func (st *step) moves() bool {
	return slices.ContainsFunc(st.does, func(a action) bool { return a.kind == advances })
}

// within reports whether a step begins while another one is handled. What a move of the clock makes
// happen has the time of the move.
func (st *step) within(other *step) bool {
	return st.seq < other.to && (st.moves() || !st.time.Add(settle).After(other.until))
}

// action is what a step does.
type action struct {
	kind   actionKind
	entry  *entry.Entry
	client *client
	fault  *addedFault
}

type actionKind int

const (
	connects actionKind = iota + 1
	refused
	sends
	sendsBinary    // and the gateway closes the connection
	sendsTooLarge  // the same
	sendsBadText   // the same
	closes         // with a close frame
	aborts         // without one
	posts          // a call of @connections by the page
	deletes        // the same
	disconnects    // by the gateway, because the page said so
	advances       // the clock
	addsFault      // to those of the gateway
	removesFault   // from them
	firesSchedule  // which is not the gateway's
	sendsToQueue   // the same
	invocationFail // an invocation that failed
)

// effect is what a client receives: a frame, or the end of its connection.
type effect struct {
	client *client
	entry  *entry.Entry
	end    bool
	// beside means that the $disconnect of a deleted connection has caused it, which runs beside what
	// deleted the connection.
	beside bool
	// broadcast is the request whose invocation has posted it, if it has posted to several
	// connections: such posts overtake each other.
	broadcast string
}

// overtaken reports whether the client may receive a post before or after another one of a step.
func (st *step) overtaken(e effect) bool {
	return e.broadcast != "" && slices.ContainsFunc(st.effects, func(other effect) bool {
		return other.entry != e.entry && other.client == e.client && other.broadcast == e.broadcast
	})
}

// tooOld reports whether a connection has ended because it was idle or open for too long, and it is
// not known since when: the client of the test connects later.
func (e effect) tooOld() bool {
	return e.end && e.client.unknown && !e.entry.ByClient && e.entry.Code == 1001
}

// addedFault is a fault that was added.
type addedFault struct {
	id       string
	text     string
	spec     *faultSpec // nil: not known
	variable string     // of the function that removes it; empty if nothing does
	atStart  bool       // before the first handshake
}

func newSession(entries []*entry.Entry, stage string, o TestOptions) *session {
	s := &session{stage: stage, options: o, entries: entries}
	s.readMoves()
	s.readClients()
	s.readFaults()
	r := newReader(s)
	for _, e := range entries {
		r.read(e)
	}
	s.steps = r.finish()
	s.dropOthers()
	s.nameClients()
	return s
}

// readClients finds the connections of the entries.
func (s *session) readClients() {
	for _, e := range s.entries {
		unknown := e.ConnectionID == "" || e.Kind == entry.Called && e.Connection == 0
		if unknown || !ofConnection(e.Kind) && e.Kind != entry.Invoked {
			continue
		}
		c := s.client(e.ConnectionID)
		ofRefused := e.Kind == entry.Refused || e.Kind == entry.Invoked && s.isRefused(e.ConnectionID)
		if c == nil && !ofRefused {
			c = &client{number: e.Connection, id: e.ConnectionID, unknown: true}
			s.clients = append(s.clients, c)
		}
		if c != nil && e.Kind == entry.Connected {
			c.handshake, c.unknown = e.Handshake, false
		}
	}
}

func (s *session) isRefused(id string) bool {
	return slices.ContainsFunc(s.entries, func(e *entry.Entry) bool {
		return e.Kind == entry.Refused && e.ConnectionID == id
	})
}

// client returns the client with an id, or nil.
func (s *session) client(id string) *client {
	for _, c := range s.clients {
		if c.id == id {
			return c
		}
	}
	return nil
}

// wanted reports whether the test is about a connection.
func (s *session) wanted(id string) bool {
	return len(s.options.Connections) == 0 || slices.Contains(s.options.Connections, id)
}

// dropOthers removes the clients that the test is not about, and what they do.
func (s *session) dropOthers() {
	if len(s.options.Connections) == 0 {
		return
	}
	s.clients = slices.DeleteFunc(s.clients, func(c *client) bool { return !s.wanted(c.id) })
	for _, st := range s.steps {
		before := len(st.does)
		st.does = slices.DeleteFunc(st.does, func(a action) bool {
			return a.client != nil && !s.wanted(a.client.id) || a.kind == refused && !s.wanted(a.entry.ConnectionID)
		})
		st.foreign = st.foreign || len(st.does) < before
		st.effects = slices.DeleteFunc(st.effects, func(e effect) bool { return !s.wanted(e.client.id) })
	}
	s.steps = slices.DeleteFunc(s.steps, func(st *step) bool { return len(st.does)+len(st.effects) == 0 })
}

// nameClients sets the variables of the clients: the user, or the number of the connection.
func (s *session) nameClients() {
	taken := reservedNames()
	for _, c := range s.clients {
		name := ""
		if c.handshake != nil {
			user, _ := c.handshake.Authorizer["principalId"].(string)
			name = identifier(user)
		}
		c.variable = taken.free(name, "client", c.number)
	}
}

// delivered reports whether an entry is a frame that the gateway has sent to a client.
func delivered(e *entry.Entry) bool {
	switch e.Kind {
	case entry.Sent:
		return e.Error == "" && (e.Bytes > 0 || len(e.Data()) > 0) // clients ignore an empty one
	case entry.Called:
		return e.Method == "POST" && e.Status == 200 && e.Connection != 0
	default:
		return false
	}
}

// idsOf returns the ids that the gateway gave.
func (s *session) idsOf() map[string]bool {
	ids := map[string]bool{}
	for _, e := range s.entries {
		for _, id := range []string{e.RequestID, e.ConnectionID} {
			if len(id) == idLength {
				ids[id] = true
			}
		}
	}
	return ids
}

// idLength is that of the gateway's ids.
const idLength = 16

// abnormal is the code of a connection that ended without a close frame.
const abnormal = 1006

// noStatus is the code of a close frame that has none.
const noStatus = emulator.StatusNoStatusRcvd
