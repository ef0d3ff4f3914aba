package conntest

import (
	"maps"
	"slices"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/testclock"
)

// model is the simplest store: the records by id. It finds the members of a group by looking at
// all records.
type model struct {
	clock *testclock.Clock
	conns map[string]conn.Conn
}

func (m *model) put(c conn.Conn) error {
	if _, err := m.get(c.ID); err == nil {
		return conn.ErrExists
	}
	if c.ConnectedAt.IsZero() {
		c.ConnectedAt = m.clock.Now()
	}
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = c.ConnectedAt.Add(conn.DefaultTTL)
	}
	c.ConnectedAt = c.ConnectedAt.UTC().Truncate(time.Millisecond)
	c.ExpiresAt = c.ExpiresAt.UTC().Truncate(time.Second)
	if c.User != "" {
		c.Groups = append(slices.Clone(c.Groups), conn.UserGroup(c.User))
	}
	c.Groups = setOf(c.Groups)
	m.conns[c.ID] = c
	return nil
}

func (m *model) get(id string) (conn.Conn, error) {
	c, ok := m.conns[id]
	if !ok || !m.clock.Now().Before(c.ExpiresAt) {
		return conn.Conn{}, conn.ErrNotFound
	}
	return c, nil
}

func (m *model) many(ids []string) []conn.Conn {
	var found []conn.Conn
	for i, id := range ids {
		if c, err := m.get(id); err == nil && !slices.Contains(ids[:i], id) {
			found = append(found, c)
		}
	}
	return found
}

func (m *model) set(id string, set map[string]string, remove []string) (conn.Conn, error) {
	for _, name := range remove {
		if _, ok := set[name]; ok {
			return conn.Conn{}, conn.ErrInvalid
		}
	}
	c, err := m.get(id)
	if err != nil {
		return c, err
	}
	attributes := make(map[string]string)
	maps.Copy(attributes, c.Attributes)
	maps.Copy(attributes, set)
	for _, name := range remove {
		delete(attributes, name)
	}
	if c.Attributes = attributes; len(attributes) == 0 {
		c.Attributes = nil
	}
	m.conns[id] = c
	return c, nil
}

func (m *model) extend(id string, until time.Time) (conn.Conn, error) {
	c, err := m.get(id)
	if err != nil {
		return c, err
	}
	if until = until.UTC().Truncate(time.Second); until.After(c.ExpiresAt) {
		c.ExpiresAt = until
		m.conns[id] = c
	}
	return c, nil
}

func (m *model) delete(id string) (conn.Conn, error) {
	c, err := m.get(id)
	delete(m.conns, id)
	return c, err
}

func (m *model) join(id, group string) error {
	c, err := m.get(id)
	if err != nil {
		return err
	}
	c.Groups = setOf(append(slices.Clone(c.Groups), group))
	m.conns[id] = c
	return nil
}

func (m *model) leave(id, group string) {
	c, err := m.get(id)
	if err != nil {
		return
	}
	c.Groups = setOf(slices.DeleteFunc(slices.Clone(c.Groups), func(g string) bool { return g == group }))
	m.conns[id] = c
}

func (m *model) members(group string) map[string]conn.Member {
	list := make(map[string]conn.Member)
	for id := range m.conns {
		if c, err := m.get(id); err == nil && slices.Contains(c.Groups, group) {
			list[id] = conn.Member{ID: id, Endpoint: c.Endpoint}
		}
	}
	return list
}

// setOf returns names sorted, each once; nil if there are none.
func setOf(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
