package template

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// call evaluates an intrinsic function.
func (e *Evaluator) call(n, argument *node, depth int) (any, error) {
	switch n.text {
	case "Ref":
		return e.ref(n, argument.text, depth)
	case "Fn::GetAtt":
		return e.getAtt(n, argument, depth)
	case "Fn::Sub":
		return e.sub(n, argument, depth)
	case "Fn::Join":
		return e.join(n, argument, depth)
	case "Fn::If":
		return e.branch(n, argument, depth)
	case "Fn::Select":
		return e.choose(n, argument, depth)
	case "Fn::Split":
		return e.split(n, argument, depth)
	case "Fn::FindInMap":
		return e.findInMap(n, argument, depth)
	}
	if e.lenient != nil {
		return e.callMore(n, argument, depth)
	}
	return nil, n.errorf("the function %s is not supported here", shorten(n.text))
}

// arguments returns the n arguments of a function that takes a list.
func (n *node) arguments(argument *node, count int) ([]*node, error) {
	if argument.kind != list || len(argument.items) != count {
		return nil, n.errorf("%s: expected a list of %d values", n.text, count)
	}
	return argument.items, nil
}

// callMore evaluates the functions that a strict Evaluator does not have.
func (e *Evaluator) callMore(n, argument *node, depth int) (any, error) {
	switch n.text {
	case "Fn::Base64":
		s, err := e.text(argument, depth)
		if err != nil {
			return nil, err
		}
		return e.sized(base64.StdEncoding.EncodeToString([]byte(s)))
	case "Fn::GetAZs":
		region, err := e.text(argument, depth)
		if err != nil {
			return nil, err
		}
		region = cmp.Or(region, e.Pseudo(Region))
		return []any{region + "a", region + "b", region + "c"}, nil
	case "Fn::Cidr":
		return e.cidr(n, argument, depth)
	case "Fn::ImportValue":
		name, err := e.text(argument, depth)
		if err != nil {
			return nil, err
		}
		if e.lenient.Import != nil {
			if v, ok := e.lenient.Import(name); ok {
				return v, nil
			}
		}
		return nil, n.errorf("the export %s is of another stack; set its value as that of a parameter", shorten(name))
	case "Fn::Length":
		v, err := e.eval(argument, depth)
		if err != nil {
			return nil, err
		}
		values, ok := v.([]any)
		if !ok {
			return nil, n.errorf("Fn::Length: expected a list, not %s", describe(v))
		}
		return strconv.Itoa(len(values)), nil
	case "Fn::ToJsonString":
		before := e.typed
		e.typed = true
		v, err := e.eval(argument, depth)
		e.typed = before
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		return e.sized(string(text))
	case "Fn::Transform", "Fn::ForEach":
		return nil, n.errorf("the function %s runs on AWS only; read the template that AWS has made of it:"+
			" aws cloudformation get-template --template-stage Processed", n.text)
	}
	return nil, n.errorf("the function %s is not supported here", shorten(n.text))
}

// cidr evaluates Fn::Cidr for IPv4: so many blocks with so many bits in the block of a network.
func (e *Evaluator) cidr(n, argument *node, depth int) (any, error) {
	if argument.kind != list || len(argument.items) < 2 {
		return nil, n.errorf("Fn::Cidr: expected a list of 3 values")
	}
	values := []string{"", "", "8"}
	for i := range min(len(argument.items), len(values)) {
		var err error
		if values[i], err = e.text(argument.items[i], depth); err != nil {
			return nil, err
		}
	}
	network, err := netip.ParsePrefix(values[0])
	count, countErr := strconv.Atoi(values[1])
	bits, bitsErr := strconv.Atoi(values[2])
	if err != nil || !network.Addr().Is4() || countErr != nil || count < 1 || count > 256 ||
		bitsErr != nil || bits < 1 || bits > 32-network.Bits() {
		return nil, n.errorf("Fn::Cidr: cannot make %s blocks of %s bits in %s", shorten(values[1]), shorten(values[2]), shorten(values[0]))
	}
	blocks := make([]any, 0, count)
	first := network.Masked().Addr().As4()
	for i := range count {
		address := uint64(binary.BigEndian.Uint32(first[:])) + uint64(i)<<bits
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(address)) //nolint:gosec // wraps at the end of the addresses
		blocks = append(blocks, netip.PrefixFrom(netip.AddrFrom4(b), 32-bits).String())
	}
	return blocks, nil
}

func (e *Evaluator) join(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	separator, err := e.text(args[0], depth)
	if err != nil {
		return nil, err
	}
	items, err := e.texts(n, args[1], depth)
	if err != nil {
		return nil, err
	}
	size := len(separator) * len(items)
	if size > e.size {
		return nil, errTooMuch
	}
	return e.resolve(n, strings.Join(items, separator))
}

// texts evaluates a node that must be a list of texts.
func (e *Evaluator) texts(n, argument *node, depth int) ([]string, error) {
	v, err := e.eval(argument, depth)
	if err != nil {
		return nil, err
	}
	values, ok := v.([]any)
	if !ok {
		return nil, n.errorf("%s: expected a list, not %s", n.text, describe(v))
	}
	texts := make([]string, 0, len(values))
	for _, item := range values {
		s, ok := AsText(item)
		if !ok {
			return nil, n.errorf("%s: expected texts in the list, not %s", n.text, describe(item))
		}
		texts = append(texts, s)
	}
	return texts, nil
}

func (e *Evaluator) choose(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	index, err := e.text(args[0], depth)
	if err != nil {
		return nil, err
	}
	v, err := e.eval(args[1], depth)
	if err != nil {
		return nil, err
	}
	values, _ := v.([]any)
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(values) {
		return nil, n.errorf("Fn::Select: there is no element %s in %s", shorten(index), describe(v))
	}
	return values[i], nil
}

func (e *Evaluator) split(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	separator, err := e.text(args[0], depth)
	if err != nil {
		return nil, err
	}
	text, err := e.text(args[1], depth)
	if err != nil {
		return nil, err
	}
	if separator == "" {
		return nil, n.errorf("Fn::Split: the separator must not be empty")
	}
	if e.steps -= strings.Count(text, separator); e.steps < 0 {
		return nil, errTooMuch
	}
	var parts []any
	for part := range strings.SplitSeq(text, separator) {
		parts = append(parts, part)
	}
	return parts, nil
}

func (e *Evaluator) findInMap(n, argument *node, depth int) (any, error) {
	if argument.kind == list && len(argument.items) == 4 && argument.items[3].members["DefaultValue"] != nil && e.lenient != nil {
		three := &node{kind: list, line: argument.line, items: argument.items[:3]}
		if v, err := e.findInMap(n, three, depth); err == nil {
			return v, nil
		}
		return e.eval(argument.items[3].members["DefaultValue"], depth)
	}
	args, err := n.arguments(argument, 3)
	if err != nil {
		return nil, err
	}
	found := e.t.mappings
	for _, arg := range args {
		key, err := e.text(arg, depth)
		if err != nil {
			return nil, err
		}
		if found != nil {
			found = found.members[key]
		}
		if found == nil {
			return nil, n.errorf("Fn::FindInMap: there is no %s in Mappings", shorten(key))
		}
	}
	return e.eval(found, depth)
}

// sub evaluates Fn::Sub, whose argument is a text, or a text and values for it.
func (e *Evaluator) sub(n, argument *node, depth int) (any, error) {
	var values map[string]*node
	if argument.kind == list {
		args, err := n.arguments(argument, 2)
		if err != nil {
			return nil, err
		}
		argument, values = args[0], args[1].members
	}
	if argument.kind != scalar {
		return nil, n.errorf("Fn::Sub: expected text, or a list of a text and values")
	}
	if _, err := e.sized(argument.text); err != nil { // which may have to be read often
		return nil, err
	}
	var b strings.Builder
	rest := argument.text
	for {
		before, after, ok := strings.Cut(rest, "${")
		b.WriteString(before)
		if !ok {
			return e.resolve(n, b.String())
		}
		var name string
		if name, rest, ok = strings.Cut(after, "}"); !ok {
			return nil, n.errorf("Fn::Sub: ${ without }")
		}
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			b.WriteString("${" + literal + "}")
			continue
		}
		name = strings.TrimSpace(name)
		value, err := e.substitute(n, name, values, depth)
		if err != nil && e.lenient != nil && !errors.Is(err, errTooMuch) {
			e.report(err)
			value, err = name, nil
		}
		if err != nil {
			return nil, err
		}
		if b.WriteString(value); b.Len() > e.size {
			return nil, errTooMuch
		}
	}
}

// substitute returns the value of ${name} in Fn::Sub.
func (e *Evaluator) substitute(n *node, name string, values map[string]*node, depth int) (string, error) {
	if v := values[name]; v != nil {
		return e.text(v, depth)
	}
	if e.steps--; e.steps < 0 || depth > maxDepth {
		return "", errTooMuch
	}
	var v any
	var err error
	if id, attribute, ok := strings.Cut(name, "."); ok {
		v, err = e.attribute(n, id, attribute, depth)
	} else {
		v, err = e.ref(n, name, depth)
	}
	if err != nil {
		return "", err
	}
	s, ok := AsText(v)
	if !ok {
		return "", n.errorf("Fn::Sub: ${%s} is %s, not text", shorten(name), describe(v))
	}
	return s, nil
}
