package topic

import "sync"

// maxParsed is how many filters a process remembers.
const maxParsed = 1000

// parsedFilters has filters by their canonical form, so that a Set does not parse all filters of
// its topic. The zero value is empty.
type parsedFilters struct {
	mu     sync.Mutex
	parsed map[string]filter
}

// get returns a filter that must not be modified.
func (p *parsedFilters) get(canonical string) (filter, error) {
	p.mu.Lock()
	f, ok := p.parsed[canonical]
	p.mu.Unlock()
	if ok {
		return f, nil
	}
	f, err := parseKept(canonical)
	if err != nil {
		return filter{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parsed == nil || len(p.parsed) == maxParsed {
		p.parsed = make(map[string]filter)
	}
	p.parsed[canonical] = f
	return f, nil
}
