package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
	"github.com/gatesock/gatesock/internal/oneline"
)

// complain prints an error: each part of a joined one in a line, and the output of a compiler or a
// program below it.
func (s streams) complain(err error) {
	var failed *program.Failure
	if errors.As(err, &failed) && failed.Output != "" {
		_, _ = fmt.Fprintf(s.err, "gatesock: %s:\n%s\n", oneline.Of(err.Error(), maxError), failed.Output)
		return
	}
	for _, one := range parts(err) {
		s.say("%s", explain(one))
	}
}

// parts returns the errors that an error is joined from by errors.Join, or the error itself.
func parts(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(joined.Unwrap()...).Error() {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		all = append(all, parts(one)...)
	}
	return all
}

// bare returns the text of an error of a package without the package's name, which means nothing to
// the user of a command.
func bare(err error, packageName string) error {
	if err == nil {
		return nil
	}
	var all []error
	for _, one := range parts(err) {
		if text, ok := strings.CutPrefix(one.Error(), packageName+": "); ok {
			one = &renamed{text, one}
		}
		all = append(all, one)
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// renamed is an error with another text.
type renamed struct {
	text string
	error
}

func (r *renamed) Error() string { return r.text }

func (r *renamed) Unwrap() error { return r.error }
