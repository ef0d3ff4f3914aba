package conn

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"unsafe"
)

// Alias returns a string that shares memory with b.
func Alias(b []byte) string { return unsafe.String(&b[0], len(b)) }

// CountRecords returns the number of records in a memory store, including expired ones.
func CountRecords(s Store) int { return len(s.(*memory).conns) }

// CountGroups returns the number of groups in a memory store.
func CountGroups(s Store) int { return len(s.(*memory).groups) }

// CheckConsistent checks that the records, groups and heap of a memory store agree.
func CheckConsistent(s Store) error {
	m := s.(*memory)
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
	for shard, m := range g.shards {
		dead := 0
		for _, e := range m.entries {
			if e.rec == nil {
				dead++
				continue
			}
			i, ok := e.rec.search(g.name)
			if !ok || e.rec.memberships[i] != (membership{g, e.seq}) || e.rec.shard != shard {
				return 0, fmt.Errorf("record %q does not know its membership", e.rec.conn.ID)
			}
		}
		sorted := slices.IsSortedFunc(m.entries, func(a, b entry) int { return int(a.seq) - int(b.seq) })
		if dead != m.dead || !sorted {
			return 0, fmt.Errorf("shard %d: %d tombstones, counted %d; sorted: %v", shard, m.dead, dead, sorted)
		}
		size += len(m.entries) - dead
	}
	return size, nil
}

// Pages is pages.
func Pages(ctx context.Context, store Store, group string) iter.Seq2[Page, error] {
	return pages(ctx, store, group)
}

// Capacity returns how many entries the slices of a group can hold, including tombstones.
func Capacity(s Store, group string) int {
	n := 0
	for _, m := range s.(*memory).groups[group].shards {
		n += cap(m.entries)
	}
	return n
}
