// Command coldstart measures how long a function takes from the start of its process to its first request for an event,
// GET /next of the Runtime API, and to the answer to the first post that it makes for that event, over TLS: the README's
// program beside one that does the same with the SDK alone.
//
//	cd bench && go run ./coldstart                      # or make bench-coldstart
//	go run ./coldstart -runs 40 -quota 0.25,1 -certs lambda
//
// Each program is a process of its own that is started anew for each run, and the two take turns. The quota is a control
// group's, with the period that Lambda has: a function with 1,769 MB has one processor, one with less its share. Lambda
// has more for a function while it starts, so that without a quota is what its start is like, and with one what its first
// event is like. Where there is no control group to be had the runs with a quota are left out. Only loopback addresses
// are used, and credentials that are good for nothing.
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
	quotas []float64 // shares of a processor; 0 is without
}

func parseSettings(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("coldstart", flag.ContinueOnError)
	f.IntVar(&s.runs, "runs", 20, "starts of each program, for each quota")
	f.StringVar(&s.certs, "certs", certsSystem, "where the system's certificates are: system, as here, or lambda")
	quotas := f.String("quota", "0,1,0.25", "shares of a processor, each of which is measured; 0 is without a bound")
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

// apps are the programs, the one to compare with first.
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
	fmt.Fprintf(out, "Start of a function; %v. Medians of %d starts, with the least and the greatest.\n",
		harness.ThisMachine(), s.runs)
	for _, share := range s.quotas {
		if err := measure(ctx, s, share, folder, out); err != nil {
			return err
		}
	}
	return nil
}

// buildApps builds the programs as they would be deployed.
func buildApps(ctx context.Context, folder string) error {
	for _, app := range apps() {
		//nolint:gosec // The names are ours.
		cmd := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w",
			"-o", filepath.Join(folder, app), "github.com/gatesock/gatesock/bench/coldstart/app/"+app)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", app, err, out)
		}
	}
	return nil
}
