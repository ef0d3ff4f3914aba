package fleet

import (
	"encoding/json"
	"io"
	"slices"
)

// Record is what has become of the readings of a device, by their numbers. Each member has ranges,
// from the first one to the last one.
type Record struct {
	Device string `json:"device"`
	Type   string `json:"type"`
	Region string `json:"region"`
	Via    string `json:"via"`
	// Accepted readings were taken by the server, which said so, or has them for certain.
	Accepted Ranges `json:"accepted"`
	// Handed readings were acknowledged by the broker, and the server has no reason to refuse them.
	Handed Ranges `json:"handed"`
	// Overtaken readings are those of Accepted and Handed that came with or after a later one: a
	// dashboard that shows last values may not get them.
	Overtaken Ranges `json:"overtaken"`
	// Open readings were sent, and it is not known what has become of them.
	Open Ranges `json:"open"`
}

// Ranges is a set of numbers, as the first and the last one of each range.
type Ranges [][2]int64

// Add adds a number. The set stays small if it is usually the one after the last.
func (r *Ranges) Add(n int64) {
	if last := len(*r) - 1; last >= 0 && (*r)[last][0] <= n && n <= (*r)[last][1]+1 {
		(*r)[last][1] = max((*r)[last][1], n)
		return
	}
	*r = append(*r, [2]int64{n, n})
}

// Tidy returns the set in order, with ranges that touch made into one.
func (r Ranges) Tidy() Ranges {
	r = slices.Clone(r)
	slices.SortFunc(r, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	tidy := Ranges{}
	for _, next := range r {
		if last := len(tidy) - 1; last >= 0 && next[0] <= tidy[last][1]+1 {
			tidy[last][1] = max(tidy[last][1], next[1])
			continue
		}
		tidy = append(tidy, next)
	}
	return tidy
}

// Len returns how many numbers a tidy set has.
func (r Ranges) Len() (n int64) {
	for _, one := range r {
		n += one[1] - one[0] + 1
	}
	return n
}

// Has reports whether the set has a number.
func (r Ranges) Has(n int64) bool {
	for _, one := range r {
		if one[0] <= n && n <= one[1] {
			return true
		}
	}
	return false
}

// write writes the records, a line of JSON each.
func write(w io.Writer, devices []*device) error {
	lines := json.NewEncoder(w)
	for _, d := range devices {
		if err := lines.Encode(d.recorded()); err != nil {
			return err
		}
	}
	return nil
}
