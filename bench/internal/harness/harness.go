// Package harness runs the commands that measure programs side by side.
//
// A [Command] starts itself again in other roles, so that no two things that it compares share a
// heap, a scheduler or a CPU account. A role gets its order as JSON in its only argument
// ([ReadOrder]) and writes its answers as JSON to its standard output ([Serve]); the command's side
// of that is a [Child].
package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
)

// Command is a command and the roles that it starts itself in.
type Command struct {
	Name string
	// Run is what the command does for its user. It ends without an error on [flag.ErrHelp].
	Run func(ctx context.Context, args []string, out io.Writer) error
	// Roles are what the command does if its first argument names one of them. args does not
	// include that name.
	Roles map[string]func(ctx context.Context, args []string, in io.Reader, out io.Writer) error
	// Status returns the exit status for an error of Run; nil means 1 for every error.
	Status func(error) int
}

// Main runs the command with the process's arguments until it is done or interrupted, and exits if
// it fails.
func (c Command) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := c.Play(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
	if c.Status != nil {
		os.Exit(c.Status(err))
	}
	os.Exit(1)
}

// Play runs the command in the role that the first argument names, or for its user if it names no
// role.
func (c Command) Play(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) > 0 {
		if role, ok := c.Roles[args[0]]; ok {
			return role(ctx, args[1:], in, out)
		}
	}
	if err := c.Run(ctx, args, out); !errors.Is(err, flag.ErrHelp) {
		return err
	}
	return nil
}

// Parse parses flags and refuses arguments after them.
func Parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return nil
}

// ReadOrder reads the order that [Start] passed to a role.
func ReadOrder(role string, args []string, order any) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: %s ORDER", role)
	}
	if err := json.Unmarshal([]byte(args[0]), order); err != nil {
		return fmt.Errorf("%s: reading the order: %w", role, err)
	}
	return nil
}

// Serve writes what [Child.Answer] reads first, and then the answer to each question until the
// input ends.
func Serve(in io.Reader, out io.Writer, first any, answers map[string]func() any) error {
	w := json.NewEncoder(out)
	if err := w.Encode(first); err != nil {
		return err
	}
	questions := bufio.NewScanner(in)
	for questions.Scan() {
		answer, ok := answers[questions.Text()]
		if !ok {
			return fmt.Errorf("unknown question %q", questions.Text())
		}
		if err := w.Encode(answer()); err != nil {
			return err
		}
	}
	return questions.Err()
}

// Machine is where a command measures.
type Machine struct {
	Go   string `json:"go"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
}

// ThisMachine returns the machine that the process runs on.
func ThisMachine() Machine {
	return Machine{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
}

func (m Machine) String() string { return fmt.Sprintf("%s %s/%s, %d CPUs", m.Go, m.OS, m.Arch, m.CPUs) }
