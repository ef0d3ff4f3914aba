// Command coldstart measures the start of a function: a program on gatesock beside one that does
// the same with the SDK alone. It takes the time from the start of the process to its first request
// for an event (GET /next of the Runtime API), and from there to the answer to the first post that
// it makes for that event, over TLS.
//
//	cd bench && go run ./coldstart                      # or make bench-coldstart
//	go run ./coldstart -runs 40 -quota 0.25,1 -certs lambda
//
// Each run starts a new process, and the two programs alternate. -quota sets the share of a
// processor that the process may use, by a control group with the period that Lambda uses: a
// function with 1,769 MB has one processor, a smaller one has a share of it. Lambda lifts the quota
// while a function starts. So a run without a quota shows the start, and a run with one shows the
// first event. Runs with a quota are skipped if the machine offers no control group.
//
// Only loopback addresses are used, and the credentials are not valid anywhere.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

func main() { command().Main() }

func command() harness.Command { return harness.Command{Name: "coldstart", Run: compare} }

// settings are the command's flags.
type settings struct {
	runs   int
	certs  string
	quotas []float64 // shares of a processor; 0 means no quota
}

func parseSettings(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("coldstart", flag.ContinueOnError)
	f.IntVar(&s.runs, "runs", 20, "starts of each program at each quota")
	f.StringVar(
		&s.certs,
		"certs",
		certsSystem,
		"layout of the system certificates: system (as on this machine) or lambda",
	)
	quotas := f.String(
		"quota",
		"0,1,0.25",
		"shares of a processor to measure with, separated by commas; 0 means no quota",
	)
	if err := harness.Parse(f, args); err != nil {
		return s, err
	}
	switch {
	case s.runs < 1:
		return s, errors.New("-runs must be positive")
	case s.certs != certsSystem && s.certs != certsLambda:
		return s, errors.New("-certs must be system or lambda")
	}
	for text := range strings.SplitSeq(*quotas, ",") {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || share < 0 || share > 0 && share < 0.05 || share > 64 {
			return s, fmt.Errorf("-quota %q: want 0, or shares from 0.05 to 64", text)
		}
		s.quotas = append(s.quotas, share)
	}
	return s, nil
}

// apps returns the programs. The ratio is to the first one.
func apps() []string { return []string{"sdk", "gatesock"} }

// compare measures the programs and writes the tables.
func compare(ctx context.Context, args []string, out io.Writer) (err error) {
	s, err := parseSettings(args)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "coldstart")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := buildApps(ctx, folder); err != nil {
		return err
	}
	fmt.Fprintf(out, "Start of a function; %v. Medians of %d starts, with minimum and maximum.\n",
		harness.ThisMachine(), s.runs)
	for _, share := range s.quotas {
		if err := measure(ctx, s, share, folder, out); err != nil {
			return err
		}
	}
	return nil
}

// buildApps builds the programs as one deploys them, but without -trimpath: it does nothing for the
// start, and with it all packages would be compiled once more.
func buildApps(ctx context.Context, folder string) error {
	for _, app := range apps() {
		//nolint:gosec // The names are ours.
		cmd := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o",
			filepath.Join(folder, app), "github.com/gatesock/gatesock/bench/coldstart/app/"+app)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", app, err, out)
		}
	}
	return nil
}
