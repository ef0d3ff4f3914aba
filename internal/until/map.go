// Package until has a map of bounded size whose values are times, until which a key matters.
//
//	m := until.Map{Max: 10_000}
//	m.Set("key", now+int64(time.Minute), now)
//	end, ok := m.Get("key")
package until

// Map holds up to Max keys, each with the time until which it matters, a Unix time in nanoseconds. One more puts out keys whose time
// is over; if it finds none among a few, the one among them that ends first. It is not safe for concurrent use. Get and Set take the same
// time whatever Map holds, and allocate only to grow.
type Map struct {
	// Max is how many keys it holds; set it before the first Set.
	Max int

	m map[string]int64
}

// looked is how many keys are looked at to find some that can go.
const looked = 8

// Get gives the time of a key, also when it is over.
func (m *Map) Get(key string) (end int64, ok bool) {
	end, ok = m.m[key]
	return end, ok
}

// Set sets the time of a key.
func (m *Map) Set(key string, end, now int64) {
	if m.m == nil {
		m.m = make(map[string]int64)
	}
	if len(m.m) >= m.Max {
		if _, known := m.m[key]; !known {
			m.makeRoom(now)
		}
	}
	m.m[key] = end
}

// Len is how many keys there are.
func (m *Map) Len() int { return len(m.m) }

func (m *Map) makeRoom(now int64) {
	var next string
	var soonest int64
	n := 0
	for key, end := range m.m { // in random order
		if end <= now {
			delete(m.m, key)
		}
		if n == 0 || end < soonest {
			next, soonest = key, end
		}
		if n++; n == looked {
			break
		}
	}
	if len(m.m) >= m.Max {
		delete(m.m, next)
	}
}
