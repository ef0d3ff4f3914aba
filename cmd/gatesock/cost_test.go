package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cost"
)

func TestCost(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"silent": {"--connections", "10000"},
		"chat": {
			"--connections", "500", "--minutes", "30", "--messages", "60", "--fan-out", "20", "--silent", "0", "--groups", "2",
			"--joins", "1", "--message-size", "40000", "--no-reply", "--memory", "512", "--duration", "12ms", "--architecture", "x86_64",
		},
		"without-extras": {
			"--connections", "50", "--keep-alive", "0", "--no-registry", "--log-bytes", "0", "--metrics", "0", "--alarms", "0",
			"--dashboards", "0",
		},
	} {
		out, problems, status := here(t, "", append([]string{"cost"}, args...)...)
		require.Zero(t, status, "%s", problems)
		require.Empty(t, problems)
		golden(t, "cost/"+name+".txt", out)
	}
}

// TestCostDefaults holds that the flags have the defaults of package cost.
func TestCostDefaults(t *testing.T) {
	t.Parallel()
	out, problems, status := here(t, "", "cost", "--connections", "7", "--json")
	require.Zero(t, status, "%s", problems)
	traffic := cost.Default()
	traffic.Connections = 7
	prices, _ := cost.Known("us-east-1")
	want, err := cost.Of(traffic, prices)
	require.NoError(t, err)
	var got cost.Bill
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, want, got)
}

// TestCostPrices computes with the prices of a file.
func TestCostPrices(t *testing.T) {
	t.Parallel()
	out, problems, status := here(t, "", "cost", "--connections", "0", "--json")
	require.Zero(t, status, "%s", problems)
	file := filepath.Join(t.TempDir(), "prices.json")
	text := strings.NewReplacer(`"us-east-1"`, `"eu-central-1"`, `"dollars": 0.25,`, `"dollars": 0.5,`).Replace(out)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for _, region := range [][]string{nil, {"--region", "eu-central-1"}} {
		out, problems, status = here(t, "", append([]string{"cost", "--connections", "10000", "--prices", file}, region...)...)
		require.Zero(t, status, "%s", problems)
		require.Regexp(t, `open connections +438,000,000 minutes  \$0\.50 for 1,000,000 +\$219\.00`, out)
		require.Contains(t, out, "Prices are those of eu-central-1 on demand")
	}
}

func TestCostFails(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte(`{"region":"x"}`), 0o600))
	prices := filepath.Join(t.TempDir(), "prices.json")
	known, _ := cost.Known("us-east-1")
	text, err := json.Marshal(known)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(prices, text, 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "missing flags: --connections=N"},
		{[]string{"--connections", "many"}, "--connections"},
		{[]string{"--connections=-1"}, "--connections: -1 is out of range"},
		{[]string{"--connections", "NaN"}, "--connections: NaN is out of range"},
		{[]string{"--connections", "1", "--minutes", "121"}, "--minutes: 121 is out of range: want 1 to 120: API Gateway closes"},
		{[]string{"--connections", "1", "--message-size", "200000"}, "--message-size"},
		{[]string{"--connections", "1", "--duration", "1h"}, "--duration: 1h0m0s is out of range: want 1ms to 15m"},
		{[]string{"--connections", "1", "--keep-alive", "10"}, "--keep-alive: 10 is out of range"},
		{[]string{"--connections", "1", "--silent", "101"}, "--silent"},
		{[]string{"--connections", "1", "--memory", "64"}, "--memory"},
		{[]string{"--connections", "1", "--duration", "0s"}, "--duration"},
		{[]string{"--connections", "1", "--architecture", "mips"}, "--architecture"},
		{[]string{"--connections", "1", "--region", "mars-1"}, `--region: the prices of "mars-1" are not known, only those of us-east-1: give them with --prices`},
		{[]string{"--connections", "1", "--prices", "no-such-file"}, "--prices: open"},
		{[]string{"--connections", "1", "--prices", broken}, "broken.json: the date of the prices is"},
		{[]string{"--connections", "1", "--prices", prices, "--region", "eu-west-1"}, `these are the prices of "us-east-1", and --region is "eu-west-1"`},
	} {
		out, problems, status := here(t, "", append([]string{"cost"}, c.args...)...)
		require.Equal(t, misused, status, "%q", c.args)
		require.Empty(t, out)
		require.Contains(t, problems, c.want)
	}
	_, problems, status := here(t, "", "cost", "--connections", "1e8", "--messages", "1e5", "--fan-out", "1e7")
	require.Equal(t, failed, status)
	require.Contains(t, problems, "are more than can be computed")
}

// TestCostExampleInDocumentation holds that the example of docs/costs.md is what its command
// prints. The page is written by the tests of package dynamo.
func TestCostExampleInDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/costs.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(page), "## An example\n")
	require.True(t, found)
	example, _, _ = strings.Cut(example, "\n## ")
	command := regexp.MustCompile(`(?m)^\$ (gatesock cost .*)$`).FindStringSubmatch(example)
	require.Len(t, command, 2)
	out, problems, status := here(t, "", append(commandLines(command[1])[0], "--json")...)
	require.Zero(t, status, "%s", problems)
	var bill cost.Bill
	require.NoError(t, json.Unmarshal([]byte(out), &bill))
	rows := 0
	for _, part := range bill.Parts {
		if part.Quantity == 0 {
			continue
		}
		row := "| " + part.Service + " | " + part.Name + " | " + part.Amount() + " | " + cost.Cents(part.Dollars) + " |"
		require.Contains(t, example, row)
		rows++
	}
	require.Contains(t, example, "| **together** | | | **"+cost.Cents(bill.Dollars)+"** |")
	require.Equal(t, rows, strings.Count(example, "\n| ")-2, "the table has other rows")
}
