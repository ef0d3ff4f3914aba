package cloudformation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/internal/npmtest"
)

// finding is what the validator of npm prints.
type finding struct {
	File, RuleID, Severity, Message string
	Entity                          struct{ LogicalID string }
	PropertyPath                    string
}

// answers are the findings that stay, with the reason.
func answers() map[string]string {
	return map[string]string{
		"W9002": "an ARN that is not of a resource of the template: queues, topics, streams and rules outside, by the name that the program has",
		"W9013": "an ARN with an account, as the program has it",
	}
}

// TestValidator validates what CloudFormation sees: templates for SAM are expanded first. Templates
// are validated with the defaults of their parameters, some of them also with everything that is
// optional.
func TestValidator(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{}
	for name, s := range stacktest.Services(t) {
		for _, f := range formats() {
			text := f.template(t, s)
			template, err := parse(text)
			require.NoError(t, err)
			template = expand(template)
			if f.name == "sam" {
				files[name+" sam.json"] = toJSON(t, template)
			} else {
				files[name+".yaml"] = text
			}
			if name == "chat" || name == "sources" {
				files[name+" "+f.name+" with everything.json"] = toJSON(t, withEverything(template))
			}
		}
	}
	files[brokenFile] = brokenSAM(t)
	var broken []string
	for _, f := range validate(t, files) {
		_, answered := answers()[f.RuleID]
		switch {
		case f.File == brokenFile:
			broken = append(broken, f.Message)
		case f.Severity != "INFO" && f.Severity != "DEBUG" && !answered:
			t.Errorf("%+v", f)
		}
	}
	// The validator sees the properties of what SAM makes.
	require.Contains(t, strings.Join(broken, "\n"), "RouteResponsKey")
	require.Contains(t, strings.Join(broken, "\n"), "MemorySise")
}

const brokenFile = "broken.json"

// brokenSAM returns an expanded template with properties that do not exist.
func brokenSAM(t *testing.T) []byte {
	t.Helper()
	template, err := parse(formats()[1].template(t, stacktest.Services(t)["chat"]))
	require.NoError(t, err)
	broken := expand(template)
	at(broken, "Resources", "SayRouteResponse", "Properties").(tree)["RouteResponsKey"] = "$default"
	at(broken, "Resources", "AppFunction", "Properties").(tree)["MemorySise"] = 1
	return toJSON(t, broken)
}

// withEverything sets other defaults of parameters, so that all conditions hold.
func withEverything(template tree) tree {
	template = clone(template).(tree)
	parameters := template["Parameters"].(tree)
	for id, p := range parameters {
		switch {
		case id == "DomainName":
			p.(tree)["Default"] = "ws.example.com"
		case id == "CertificateArn":
			p.(tree)["Default"] = "arn:aws:acm:eu-west-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"
		case id == "AccountLogRole":
			p.(tree)["Default"] = "true"
		case id == "AlarmEmail":
			p.(tree)["Default"] = "operator@example.com"
		case id == "DailyBudget":
			p.(tree)["Default"] = 10
		case strings.HasSuffix(id, "ReservedConcurrency"):
			p.(tree)["Default"] = 10
		case strings.HasSuffix(id, "ProvisionedConcurrency"):
			p.(tree)["Default"] = 2
		}
	}
	return template
}

func toJSON(t *testing.T, template tree) []byte {
	t.Helper()
	data, err := json.Marshal(template)
	require.NoError(t, err)
	return data
}

// validate returns what the validator finds in files.
func validate(t *testing.T, files map[string][]byte) []finding {
	t.Helper()
	folder := t.TempDir()
	var args []string
	for name, data := range files {
		file := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(file, data, 0o600))
		args = append(args, file)
	}
	var found []finding
	for line := range strings.Lines(string(npmtest.Node(t, "cloudformation.cjs", args...))) {
		var f finding
		require.NoError(t, json.Unmarshal([]byte(line), &f), line)
		f.File = filepath.Base(f.File)
		found = append(found, f)
	}
	return found
}
