package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/dev"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/trigger"
)

// triggerCommand is what all commands that act on a workbench share.
type triggerCommand struct {
	At    string `env:"GATESOCK_WORKBENCH" placeholder:"URL" help:"The address of a workbench with its token, as the program prints it. Default: that of the gatesock dev of the current folder."`
	Dev   string `placeholder:"FOLDER" help:"The gatesock dev of another folder."`
	Stage string `help:"The stage, if the program has several."`
	JSON  bool   `help:"Print JSON."`

	List       listTrigger       `cmd:"" help:"Show what can be triggered, and what is: stages, connections, faults, schedules, queues, the clock, the seed."`
	Connect    connectTrigger    `cmd:"" help:"Open a client, also as a user, and print the id of its connection."`
	Send       sendTrigger       `cmd:"" help:"Send a message as a client."`
	Post       postTrigger       `cmd:"" help:"Post a message to a client, as a function does by @connections."`
	Disconnect disconnectTrigger `cmd:"" help:"End a connection, with a code and a reason."`
	Skip       skipTrigger       `cmd:"" help:"Put the clock forward: what is due on the way happens."`
	Schedule   scheduleTrigger   `cmd:"" help:"Fire a schedule now."`
	Queue      queueTrigger      `cmd:"" help:"Send a message to a queue."`
	Clear      clearTrigger      `cmd:"" help:"Remove faults."`

	faultTriggers
}

// Help is shown below the summary.
func (triggerCommand) Help() string {
	return `It does what the buttons of the workbench do, in the gatesock dev of the current folder, or in another
program that serves a workbench and prints its address:

    gatesock trigger list
    gatesock trigger connect --user ann
    gatesock trigger send --connection 1 '{"action":"say","text":"hello"}' --wait 1
    gatesock trigger gone --connection 1 --times 2
    gatesock trigger lost-disconnect --user ann
    gatesock trigger skip 9m
    gatesock trigger clear

A connection is named by its id or by its number, which the lines of gatesock dev have. The same
actions in the same order, under the same seed (gatesock dev --seed), make the same happen again.

The exit status is 0, 1 if the program did not do it or a gateway refused a client, and 2 if the
command line is invalid.`
}

// actor is what a command acts by.
type actor struct {
	streams

	c     *triggerCommand
	bench *trigger.Bench // nil until open
	state trigger.State  // as it was before the command did anything
	out   printer
}

// AfterApply makes the actor once the command line is parsed.
func (c *triggerCommand) AfterApply(command *kong.Context, s streams) error {
	command.Bind(&actor{streams: s, c: c, out: printer{w: s.out, json: c.JSON}})
	return nil
}

// workbenchVariable is the environment variable with the address of a workbench.
const workbenchVariable = "GATESOCK_WORKBENCH"

// open finds the workbench, and asks for its state.
func (a *actor) open(ctx context.Context) error {
	address, err := a.find()
	if err != nil {
		return err
	}
	certificate, err := intercept.UserCertificate("") // of gatesock dev --tls
	if err != nil {
		return fmt.Errorf("the certificate of this machine: %w", err)
	}
	if a.bench, err = trigger.Open(address, certificate); err != nil {
		return misuse{fmt.Errorf("--at: %w", err)}
	}
	if a.state, err = a.bench.State(ctx); err != nil {
		return explained(err)
	}
	if stage := a.c.Stage; stage != "" && !a.hasStage(stage) {
		return misuse{fmt.Errorf("--stage: there is no stage %s: want %s", clean(stage), oneOf(a.stages()))}
	}
	return nil
}

// close ends what open has begun.
func (a *actor) close() {
	if a.bench != nil {
		a.bench.Close()
	}
}

// find returns the address of the workbench.
func (a *actor) find() (string, error) {
	at := a.c.At
	if a.c.Dev != "" && at == os.Getenv(workbenchVariable) {
		at = "" // what is on the command line counts
	}
	switch {
	case at != "" && a.c.Dev != "":
		return "", misuse{errors.New("--at replaces --dev: use one of them")}
	case at != "":
		return at, nil
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	folder, err := filepath.Abs(a.c.Dev)
	if err != nil {
		return "", fmt.Errorf("cannot find out the current folder: %w", err)
	}
	all, err := dev.AllRunning(cache)
	if err != nil {
		return "", err
	}
	found := dev.For(all, folder)
	switch len(found) {
	case 0:
		return "", nothingRuns(folder, all)
	case 1:
		return found[0].Workbench, nil
	}
	return "", misuse{fmt.Errorf("several gatesock dev run for %s: choose one with --dev and %s", folder, oneOf(foldersOf(found)))}
}

// nothingRuns is the error for a folder for which no gatesock dev runs.
func nothingRuns(folder string, others []dev.Running) error {
	text := "no gatesock dev runs for " + folder + ": start one there with gatesock dev, or name the address of another " +
		"program's workbench with --at or " + workbenchVariable
	if len(others) > 0 {
		text += "; one runs for " + strings.Join(foldersOf(others), ", ") + ", which --dev chooses"
	}
	return errors.New(text)
}

func foldersOf(all []dev.Running) []string {
	folders := make([]string, len(all))
	for i, r := range all {
		folders[i] = r.Folder
	}
	return folders
}

// oneOf returns names as what may be chosen.
func oneOf(names []string) string {
	switch len(names) {
	case 0:
		return "none, since there is none"
	case 1:
		return clean(names[0])
	}
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = clean(name)
	}
	return "one of " + strings.Join(shown, ", ")
}

func (a *actor) stages() []string {
	names := make([]string, len(a.state.Stages))
	for i, s := range a.state.Stages {
		names[i] = s.Name
	}
	return names
}

func (a *actor) hasStage(name string) bool {
	for _, s := range a.state.Stages {
		if s.Name == name {
			return true
		}
	}
	return false
}

// oneStage returns the stage of the command line, or the only one.
func (a *actor) oneStage() (string, error) {
	switch {
	case a.c.Stage != "":
		return a.c.Stage, nil
	case len(a.state.Stages) == 0:
		return "", errors.New("nothing runs yet: see what gatesock dev says")
	case len(a.state.Stages) > 1:
		return "", misuse{errors.New("there are several stages: choose with --stage " + oneOf(a.stages()))}
	}
	return a.state.Stages[0].Name, nil
}

// explained returns an error of a workbench with what the user can do about it. What it calls a bad
// request is a mistake of the command line.
func explained(err error) error {
	var refusal *trigger.Refusal
	var unreachable *trigger.Unreachable
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &unreachable):
		return fmt.Errorf("%w: does the program still run?", err)
	case errors.As(err, &refusal) && refusal.Code == http.StatusBadRequest:
		return misuse{err}
	}
	return err
}

// triggered is what a command has done, in JSON.
type triggered struct {
	Did         string             `json:"did"`
	Stage       string             `json:"stage,omitempty"`
	Connections []shownTarget      `json:"connections,omitempty"`
	Faults      []string           `json:"faults,omitempty"` // ids
	Schedule    string             `json:"schedule,omitempty"`
	Queue       string             `json:"queue,omitempty"`
	Frames      []shownTriggerData `json:"frames,omitempty"`
	Now         string             `json:"now,omitempty"`
	OffsetMs    *int64             `json:"offsetMs,omitempty"`
	Seed        string             `json:"seed"`
}

// shownTarget is a connection that something was done to.
type shownTarget struct {
	ID     string `json:"connectionId"`
	Number uint64 `json:"connection,omitempty"`
	Stage  string `json:"stage,omitempty"`
	Status int    `json:"status,omitempty"` // of a post or a handshake
	Error  string `json:"error,omitempty"`
}

func targetOf(c trigger.Connection) shownTarget {
	return shownTarget{ID: c.ID, Number: c.Number, Stage: c.Stage}
}

// done prints what a command has done: a sentence with the seed, or JSON.
func (a *actor) done(t triggered, format string, args ...any) error {
	t.Seed = a.state.Seed
	if a.c.JSON {
		return a.out.object(t)
	}
	_, err := fmt.Fprintf(a.streams.out, "%s (seed %s)\n", clean(fmt.Sprintf(format, args...)), t.Seed)
	return err
}

// cacheFolder is where the command keeps what can be made again.
func cacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for what is kept between runs: %w: set HOME", err)
	}
	return filepath.Join(cache, "gatesock"), nil
}
