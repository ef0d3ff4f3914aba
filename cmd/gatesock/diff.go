package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock/describe"
)

// diffCommand compares descriptions.
type diffCommand struct {
	Old  string `arg:"" help:"The description that clients were made for: a file, or - for standard input."`
	New  string `arg:"" help:"The new description."`
	JSON bool   `help:"Print JSON instead of lines."`
}

// Help is shown below the summary.
func (diffCommand) Help() string {
	return `A description is what gatesock describe --json prints. The exit status is 0 if clients that work with
the old description work with the new one, 1 if they break, and 2 if the descriptions cannot be
compared.

    git show main:api.json | gatesock diff - api.json
    gatesock describe --json | gatesock diff api.json -`
}

// Run prints the changes. The error is the exit status.
func (c *diffCommand) Run(s streams) error {
	if c.Old == "-" && c.New == "-" {
		return misuse{errors.New("only one of the descriptions can be on standard input")}
	}
	from, err := readDescription(c.Old, s)
	if err != nil {
		return trouble{err}
	}
	to, err := readDescription(c.New, s)
	if err != nil {
		return trouble{err}
	}
	changes := describe.Diff(from, to)
	if err := (printer{w: s.out, json: c.JSON}).changes(changes); err != nil {
		return trouble{err}
	}
	if slices.ContainsFunc(changes, func(change describe.Change) bool { return change.Breaking }) {
		return ending(failed)
	}
	return nil
}

// shownChange is the JSON form of a change.
type shownChange struct {
	Path     string `json:"path"`
	What     string `json:"what"`
	Breaking bool   `json:"breaking"`
}

// changes prints what has changed.
func (p printer) changes(changes []describe.Change) error {
	all := []shownChange{}
	breaking := 0
	for _, change := range changes {
		all = append(all, shownChange(change))
		if change.Breaking {
			breaking++
		}
	}
	if p.json {
		return p.object(all)
	}
	for _, change := range changes {
		if _, err := fmt.Fprintln(p.w, clean(change.String())); err != nil {
			return err
		}
	}
	summary := "Nothing changes for clients."
	switch {
	case breaking > 0:
		summary = fmt.Sprintf("Clients break: %d of %s.", breaking, count(len(changes), "change"))
	case len(changes) > 0:
		summary = "No client breaks: " + count(len(changes), "change") + "."
	}
	_, err := fmt.Fprintln(p.w, summary)
	return err
}
