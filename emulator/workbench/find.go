package workbench

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// found is a connection that a request is about.
type found struct {
	stage *Stage
	connection
}

// find returns the connection of a request: that with the id in its path, or with the number of its
// handshake, written as "#3". If several stages have it, the parameter stage says which counts.
func (b *Workbench) find(r *http.Request) (*Stage, string, error) {
	c, err := b.lookup(r.PathValue("id"), r.URL.Query().Get("stage"))
	if err != nil {
		return nil, "", err
	}
	return c.stage, c.ID, nil
}

// lookup returns the connection with an id or, as "#3", with a number. If only is not empty, it is
// the name of the stage.
func (b *Workbench) lookup(text, only string) (found, error) {
	number, byNumber := strings.CutPrefix(text, "#")
	n, err := strconv.ParseUint(number, 10, 64)
	if byNumber && (err != nil || n == 0) {
		return found{}, failure(http.StatusBadRequest, "%.40q: want an id, or # and the number of a handshake.", text)
	}
	var matches []found
	for _, s := range b.snapshot() {
		if only != "" && s.name != only {
			continue
		}
		var last *found // a gateway that was attached later counts from 1 again
		for _, c := range s.connections() {
			if byNumber && c.Number == n || !byNumber && c.ID == text {
				last = &found{s, c}
			}
		}
		if last != nil {
			matches = append(matches, *last)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return found{}, failure(http.StatusNotFound, "There is no connection %.60s. GET %sapi/connections lists them.", text, path)
	}
	names := make([]string, 0, len(matches))
	for _, m := range matches {
		names = append(names, m.stage.name)
	}
	return found{}, failure(http.StatusConflict, "Several stages have a connection %.60s: %s. Say which one with ?stage=NAME.",
		text, strings.Join(names, ", "))
}

// session returns the open session of a request.
func (b *Workbench) session(r *http.Request) (*Stage, *emulator.Session, error) {
	s, id, err := b.find(r)
	if err != nil {
		return nil, nil, err
	}
	gw, err := s.running()
	if err != nil {
		return nil, nil, err
	}
	session, ok := gw.Session(id)
	if !ok {
		return nil, nil, endedProblem(s, id)
	}
	return s, session, nil
}

// running returns the gateway of the stage, or the error of a request.
func (s *Stage) running() (*emulator.Gateway, error) {
	gw, err := s.open()
	if err != nil {
		return nil, failure(http.StatusConflict, "The stage %s does not run yet.", s.name)
	}
	return gw, nil
}

// endedProblem is the error of a request that needs an open connection.
func endedProblem(s *Stage, id string) error {
	if c, ok := s.conns.get(id); ok && !c.Open {
		return failure(http.StatusConflict, "The connection #%d has ended with %d %s. Open a new one to send to.",
			c.Number, c.Code, strings.TrimSpace(c.Reason))
	}
	return failure(http.StatusConflict, "The connection %s has ended. Open a new one to send to.", id)
}

// maxMembers is up to how many open connections GET connections asks for groups. Above, only GET
// connections/ID does, so that the answer does not wait for hundreds of requests to a store.
const maxMembers = 100

// getConnections lists the connections, those of the last stages last.
func (b *Workbench) getConnections(r *http.Request) (int, any, error) {
	list := []connection{}
	for _, s := range b.snapshot() {
		list = append(list, s.connections()...)
	}
	open := 0
	for i := range list {
		if list[i].Open {
			open++
		}
	}
	if open <= maxMembers {
		for i := range list {
			b.addMembers(r.Context(), &list[i])
		}
	}
	return http.StatusOK, list, nil
}

// addMembers adds what the application's store knows about an open connection.
func (b *Workbench) addMembers(ctx context.Context, c *connection) {
	if b.cfg.Members == nil || !c.Open {
		return
	}
	user, groups, err := b.cfg.Members(ctx, c.ID)
	if err != nil {
		c.MembersError = err.Error()
		return
	}
	if user != "" {
		c.User = user
	}
	c.Groups = groups
}

// connectionDetails is what GET connections/ID answers.
type connectionDetails struct {
	connection
	RequestID    string              `json:"requestId,omitempty"` // of the handshake
	Headers      map[string][]string `json:"headers"`
	Query        map[string][]string `json:"query"`
	Subprotocols []string            `json:"subprotocols,omitempty"`
	Authorizer   map[string]any      `json:"authorizer,omitempty"`
}

func (b *Workbench) getConnection(r *http.Request) (int, any, error) {
	c, err := b.lookup(r.PathValue("id"), r.URL.Query().Get("stage"))
	if err != nil {
		return 0, nil, err
	}
	b.addMembers(r.Context(), &c.connection)
	h := c.handshake
	if h == nil {
		h = new(entry.Handshake)
	}
	return http.StatusOK, connectionDetails{
		c.connection, c.requestID, orEmpty(h.Headers), orEmpty(h.Query), h.Subprotocols, h.Authorizer,
	}, nil
}

func orEmpty(m map[string][]string) map[string][]string {
	if m == nil {
		return map[string][]string{}
	}
	return m
}
