package workbench

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// maxEnded is how many connections that have ended are kept for each stage.
const maxEnded = 1000

// connections counts what the connections of a stage do. The gateway's goroutines wait for that, so
// they share a lock for moments only, however many connections somebody lists.
type connections struct {
	mu    sync.RWMutex
	byID  map[string]*counted
	ended []string // ids, the first to end first
}

// counted is a connection that is counted.
type counted struct {
	mu sync.Mutex
	connection
}

// connection is what is known about a connection. In JSON it is that of the HTTP API.
type connection struct {
	ID           string         `json:"connectionId"`
	Number       uint64         `json:"connection"`
	Stage        string         `json:"stage"`
	Since        time.Time      `json:"since"`
	LastActive   time.Time      `json:"lastActive"`
	User         string         `json:"user,omitempty"`
	SourceIP     string         `json:"sourceIp,omitempty"`
	ByPage       bool           `json:"byPage,omitempty"`
	Counts       map[string]int `json:"counts"` // of messages of the client, by route
	Received     int            `json:"received"`
	Sent         int            `json:"sent"`
	Posts        int            `json:"posts"`
	BytesIn      int64          `json:"bytesIn"`
	BytesOut     int64          `json:"bytesOut"`
	Groups       []string       `json:"groups,omitempty"`
	MembersError string         `json:"membersError,omitempty"` // why Config.Members failed
	Open         bool           `json:"open"`
	Code         int            `json:"code,omitempty"`
	Reason       string         `json:"reason,omitempty"`
	ByClient     bool           `json:"byClient,omitempty"`

	handshake *entry.Handshake
	requestID string // of the handshake
}

func newConnections() *connections { return &connections{byID: map[string]*counted{}} }

// note counts an entry of the gateway.
func (c *connections) note(e *Entry) {
	if e.ConnectionID == "" || e.Connection == 0 || e.Kind == entry.Refused {
		return
	}
	of := c.find(e.ConnectionID)
	if of == nil {
		if e.Kind == entry.Invoked { // before the connection is open, or long after it has ended
			return
		}
		of = c.begin(e)
	}
	of.mu.Lock()
	of.note(e)
	of.mu.Unlock()
	if e.Kind == entry.Disconnected {
		c.end(e.ConnectionID)
	}
}

func (c *connections) find(id string) *counted {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byID[id]
}

// begin returns the connection of an entry, which is new or was open before anybody looked.
func (c *connections) begin(e *Entry) *counted {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.byID[e.ConnectionID]
	if of == nil {
		of = &counted{connection: connection{
			ID: e.ConnectionID, Number: e.Connection, Stage: e.Stage, Open: true,
			Since: e.Time, Counts: map[string]int{},
		}}
		c.byID[of.ID] = of
	}
	return of
}

// end keeps a connection that has ended, and forgets the one that ended first if there are many.
func (c *connections) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, id)
	if len(c.ended) > maxEnded {
		delete(c.byID, c.ended[0])
		c.ended = slices.Delete(c.ended, 0, 1)
	}
}

func (c *connection) note(e *Entry) {
	switch e.Kind {
	case entry.Connected:
		c.Since, c.LastActive, c.handshake, c.requestID = e.Time, e.Time, e.Handshake, e.RequestID
		c.User = principalOf(e.Handshake)
		if e.Handshake != nil {
			c.SourceIP = e.Handshake.SourceIP
		}
	case entry.Received:
		c.Received++
		c.Counts[e.Route]++
		c.BytesIn += int64(e.Bytes)
		c.LastActive = e.Time
	case entry.Sent:
		if e.Error == "" {
			c.Sent++
			c.BytesOut += int64(e.Bytes)
			c.LastActive = e.Time
		}
	case entry.Called:
		if e.Method == "POST" && e.Status == 200 {
			c.Posts++
			c.BytesOut += int64(e.Bytes)
			c.LastActive = e.Time
		}
	case entry.Disconnected:
		c.Open, c.Code, c.Reason, c.ByClient = false, e.Code, e.Reason, e.ByClient
	default:
	}
}

// principalOf returns the principal of an authorizer's result, or "".
func principalOf(h *entry.Handshake) string {
	if h == nil {
		return ""
	}
	id, _ := h.Authorizer["principalId"].(string)
	return id
}

// mark notes that the workbench has opened a connection.
func (c *connections) mark(id string) {
	if of := c.find(id); of != nil {
		of.mu.Lock()
		defer of.mu.Unlock()
		of.ByPage = true
	}
}

// forgetEnded forgets the connections that have ended.
func (c *connections) forgetEnded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.ended {
		delete(c.byID, id)
	}
	c.ended = nil
}

// list returns copies of the connections, by number.
func (c *connections) list() []connection {
	c.mu.RLock()
	all := slices.Collect(maps.Values(c.byID))
	c.mu.RUnlock()
	out := make([]connection, 0, len(all))
	for _, of := range all {
		out = append(out, of.clone())
	}
	slices.SortFunc(out, func(a, b connection) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), a.Since.Compare(b.Since))
	})
	return out
}

// get returns a copy of a connection.
func (c *connections) get(id string) (connection, bool) {
	of := c.find(id)
	if of == nil {
		return connection{}, false
	}
	return of.clone(), true
}

// clone returns a copy of the connection.
func (c *counted) clone() connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.connection
	out.Counts = maps.Clone(c.Counts)
	return out
}

// connections returns the connections of the stage: those that were seen, and those that were open
// before the gateway was observed.
func (s *Stage) connections() []connection {
	list := s.conns.list()
	gw, err := s.open()
	if err != nil {
		return list
	}
	known := make(map[string]bool, len(list))
	for _, c := range list {
		known[c.ID] = true
	}
	for _, session := range gw.Sessions() {
		if !known[session.ID()] {
			list = append(list, s.unseen(session))
		}
	}
	return list
}

// unseen returns what a gateway knows about a connection.
func (s *Stage) unseen(session *emulator.Session) connection {
	info := session.Info()
	return connection{
		ID: session.ID(), Number: session.Number(), Stage: s.name, Open: true, Counts: map[string]int{},
		Since: info.ConnectedAt, LastActive: info.LastActiveAt, SourceIP: info.Identity.SourceIP,
	}
}
