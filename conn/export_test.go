package conn

import (
	"fmt"
	"slices"
	"unsafe"
)

// Alias gives a string that shares memory with b.
func Alias(b []byte) string { return unsafe.String(&b[0], len(b)) }

// Records counts the records in memory, expired ones among them.
func (m *Memory) Records() int { return len(m.conns) }

// Groups counts the groups in memory.
func (m *Memory) Groups() int { return len(m.groups) }

// Entries counts the entries of a group, tombstones among them.
func (m *Memory) Entries(group string) int {
	n := 0
	for _, s := range m.groups[group].shards {
		n += len(s.entries)
	}
	return n
}

// Consistent checks that records, groups and heap say the same.
func (m *Memory) Consistent() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.expiries) != len(m.conns) {
		return fmt.Errorf("%d records, %d in the heap", len(m.conns), len(m.expiries))
	}
	memberships := 0
	for id, r := range m.conns {
		memberships += len(r.memberships)
		if r.conn.ID != id || m.expiries[r.place] != r {
			return fmt.Errorf("record %q is misplaced", id)
		}
	}
	for name, g := range m.groups {
		size, err := g.consistent()
		if err != nil {
			return fmt.Errorf("group %q: %w", name, err)
		}
		if size != g.size || size == 0 || g.name != name {
			return fmt.Errorf("group %q: size %d, counted %d", name, g.size, size)
		}
		memberships -= size
	}
	if memberships != 0 {
		return fmt.Errorf("records and groups differ by %d memberships", memberships)
	}
	return nil
}

func (g *group) consistent() (size int, err error) {
	for shard, s := range g.shards {
		dead := 0
		for _, e := range s.entries {
			if e.rec == nil {
				dead++
				continue
			}
			i, ok := e.rec.search(g.name)
			if !ok || e.rec.memberships[i] != (membership{g, e.seq}) || e.rec.shard != shard {
				return 0, fmt.Errorf("record %q does not know its membership", e.rec.conn.ID)
			}
		}
		if dead != s.dead || !slices.IsSortedFunc(s.entries, func(a, b entry) int { return int(a.seq) - int(b.seq) }) {
			return 0, fmt.Errorf("shard %d: %d tombstones, counted %d", shard, s.dead, dead)
		}
		size += len(s.entries) - dead
	}
	return size, nil
}
