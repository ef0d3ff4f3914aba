// Package shrink makes failing sequences of random calls shorter, for conformance suites that
// compare a store with a model.
package shrink

import "slices"

// maxRuns is how many shorter sequences are tried at most.
const maxRuns = 500

// Sequence removes calls as long as run fails for those that remain, in parts that become smaller.
// It returns what is left, with its error; err is that of all calls.
func Sequence[S ~[]T, T any](calls S, err error, run func(S) error) (S, error) {
	left := maxRuns
	for size := (len(calls) + 1) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(calls) && left > 0; left-- {
			shorter := slices.Concat(calls[:i], calls[i+size:])
			if e := run(shorter); e != nil {
				calls, err = shorter, e
			} else {
				i += size
			}
		}
	}
	return calls, err
}
