package sam_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/sam"
)

// A template in which values are missing or in the wrong places is read, and what is read is valid.
func TestMutatedTemplates(t *testing.T) {
	t.Parallel()
	seeds := map[string][]byte{}
	var names []string
	for _, pattern := range []string{"*/*.yaml", "*/*.yml", "*/*.template.json"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			seeds[file] = text
			names = append(names, file)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var document, donor yaml.Node
		require.NoError(t, yaml.Unmarshal(seeds[rapid.SampledFrom(names).Draw(t, "template")], &document))
		require.NoError(t, yaml.Unmarshal(seeds[rapid.SampledFrom(names).Draw(t, "donor")], &donor))
		// Drawn are numbers, since a node may be the whole template.
		nodes, others := nodesOf(&document, nil)[1:], nodesOf(&donor, nil)[1:]
		for range rapid.IntRange(1, 8).Draw(t, "mutations") {
			mutate(t, nodes, others)
		}
		text, err := yaml.Marshal(&document)
		require.NoError(t, err)
		p, err := sam.FromTemplate(sam.Source{File: "/nowhere/template.yaml", Template: text}, sam.Options{})
		if err == nil {
			requireValid(t, p)
			_ = project.Text(p)
		}
	})
}

// mutate changes a value of a template. Others are those of another one.
func mutate(t *rapid.T, nodes, others []*yaml.Node) {
	n := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "node")]
	switch rapid.SampledFrom([]string{"scalar", "other", "fewer", "null", "function", "list"}).Draw(t, "mutation") {
	case "scalar":
		*n = yaml.Node{Kind: yaml.ScalarNode, Value: rapid.SampledFrom([]string{
			"", "1", "-1", "true", "$default", "x y", "arn:aws:lambda:us-east-1:1:function:x", "AWS::Serverless::Function", "${", "{{resolve:ssm:x}}",
		}).Draw(t, "value")}
	case "other":
		*n = *others[rapid.IntRange(0, len(others)-1).Draw(t, "other")]
	case "fewer":
		if n.Kind == yaml.MappingNode && len(n.Content) > 1 {
			n.Content = n.Content[2:]
		}
	case "null":
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case "function":
		n.Tag = rapid.SampledFrom([]string{"!Ref", "!Sub", "!GetAtt", "!Join", "!If", "!Select", "!Split", "!Cidr", "!Nothing"}).Draw(t, "function")
	case "list":
		inner := *n
		*n = yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{&inner}}
	}
}

// nodesOf returns a node and all in it that are no keys.
func nodesOf(n *yaml.Node, list []*yaml.Node) []*yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return list
	}
	list = append(list, n)
	for i, c := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			list = nodesOf(c, list)
		}
	}
	return list
}
