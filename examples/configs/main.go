// Configs keeps the configurations of connectors in a folder under source control, one JSON file each.
//
// It needs the URL of a Connect worker; credentials for basic authentication come from CONNECT_USER and CONNECT_PASSWORD:
//
//	go run ./examples/configs export -connect http://localhost:8083 -dir connectors
//	go run ./examples/configs diff   -connect http://localhost:8083 -dir connectors
//	go run ./examples/configs apply  -connect http://localhost:8083 -dir connectors        # says what it would do
//	go run ./examples/configs apply  -connect http://localhost:8083 -dir connectors -yes   # does it
//
// Secrets are never written out: what is not a reference to a config provider, such as ${file:/opt/db.properties:password}, becomes [redacted] in the file. Such a value in a file
// means "leave it as it is in the cluster". diff ends with status 1 where something differs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/go-reconnect/reconnect/connect"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errDiffers):
		os.Exit(1)
	default:
		_, _ = fmt.Fprintln(os.Stderr, "configs:", err)
		os.Exit(2)
	}
}

// errDiffers is the outcome of diff where the folder and the cluster are not the same.
var errDiffers = errors.New("the folder and the cluster differ")

type options struct {
	dir, connect     string
	yes, prune, wait bool
}

func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	const usage = "say what to do: export, diff or apply"
	if len(args) == 0 {
		return errors.New(usage)
	}
	var o options
	f := flag.NewFlagSet("configs "+args[0], flag.ContinueOnError)
	f.SetOutput(errOut)
	f.StringVar(&o.dir, "dir", "connectors", "folder of the files")
	f.StringVar(&o.connect, "connect", "http://localhost:8083", "URLs of the workers of one cluster, separated by commas")
	var command func(context.Context, *connect.Client, options, io.Writer, io.Writer) error
	switch args[0] {
	case "export":
		command = export
	case "diff":
		command = diff
	case "apply":
		command = apply
		f.BoolVar(&o.yes, "yes", false, "do it; without it apply only says what it would do")
		f.BoolVar(&o.prune, "prune", false, "delete the connectors that have no file")
		f.BoolVar(&o.wait, "wait", false, "wait until a task of each changed connector runs")
	default:
		return fmt.Errorf("unknown command %q: %s", args[0], usage)
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	c, err := newClient(o.connect)
	if err != nil {
		return err
	}
	return command(ctx, c, o, out, errOut)
}

func newClient(urls string) (*connect.Client, error) {
	list := strings.Split(urls, ",")
	opts := []connect.Option{connect.WithWorkers(list[1:]...)}
	if user := os.Getenv("CONNECT_USER"); user != "" {
		opts = append(opts, connect.WithBasicAuth(user, os.Getenv("CONNECT_PASSWORD")))
	}
	return connect.NewClient(list[0], opts...)
}

// export writes one file for each connector of the cluster.
func export(ctx context.Context, c *connect.Client, o options, out, errOut io.Writer) error {
	all, err := c.ListExpanded(ctx, connect.Expand{Info: true})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil { //nolint:gosec // nothing in it is secret
		return err
	}
	for _, name := range sortedKeys(all) {
		info := all[name].Info
		if info == nil {
			continue // deleted meanwhile
		}
		for _, key := range info.NullKeys {
			say(errOut, "%s: %s is null in the cluster, left out\n", name, key)
		}
		hidden, err := save(o.dir, name, info.Config)
		if err != nil {
			return err
		}
		for _, key := range hidden {
			say(errOut, "%s: %s holds a secret, written as a mask; a reference to a config provider would be kept\n", name, key)
		}
		say(out, "%s\n", fileName(name))
	}
	return nil
}

// plan is the folder beside the cluster.
type plan struct {
	want    map[string]connect.Config
	changes map[string]*connect.Change
	extra   []string // connectors without a file
}

// look finds out what would have to be done. It changes nothing.
func look(ctx context.Context, c *connect.Client, o options) (*plan, error) {
	want, err := load(o.dir)
	if err != nil {
		return nil, err
	}
	all, err := c.ListExpanded(ctx, connect.Expand{Info: true})
	if err != nil {
		return nil, err
	}
	p := &plan{want: want, changes: map[string]*connect.Change{}}
	var errs []error
	for _, name := range sortedKeys(want) {
		if x, ok := all[name]; ok && x.Info != nil {
			keepSecrets(want[name], x.Info.Config)
		}
		if p.changes[name], err = c.Apply(ctx, name, want[name], connect.ApplyOptions{DryRun: true}); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	for _, name := range sortedKeys(all) {
		if _, ok := want[name]; !ok {
			p.extra = append(p.extra, name)
		}
	}
	return p, errors.Join(errs...)
}

// keepSecrets puts the cluster's value where the file has nothing but its mask.
func keepSecrets(want, have connect.Config) {
	shown := have.Redacted()
	for key, value := range want {
		if current, ok := have[key]; ok && value == shown[key] {
			want[key] = current
		}
	}
}

func (p *plan) print(out io.Writer) (differs bool) {
	for _, name := range sortedKeys(p.changes) {
		ch := p.changes[name]
		if ch.Action == connect.ChangeNone {
			continue
		}
		differs = true
		say(out, "%s %s\n", ch.Action, name)
		for line := range strings.Lines(ch.Diff.String()) {
			say(out, "  %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	for _, name := range p.extra {
		differs = true
		say(out, "no file for %s\n", name)
	}
	return differs
}

func diff(ctx context.Context, c *connect.Client, o options, out, _ io.Writer) error {
	p, err := look(ctx, c, o)
	if err != nil {
		return err
	}
	if p.print(out) {
		return errDiffers
	}
	say(out, "no difference\n")
	return nil
}

// apply brings the cluster to what the folder says. It looks at everything first, so that a bad file changes nothing.
func apply(ctx context.Context, c *connect.Client, o options, out, errOut io.Writer) error {
	p, err := look(ctx, c, o)
	if err != nil {
		return err
	}
	p.print(out)
	if !o.yes {
		say(errOut, "nothing was changed; -yes does it\n")
		return nil
	}
	var opts connect.ApplyOptions
	if o.wait {
		opts.WaitTasks = 1
	}
	var errs []error
	for _, name := range sortedKeys(p.changes) {
		if p.changes[name].Action == connect.ChangeNone {
			continue
		}
		if ch, err := c.Apply(ctx, name, p.want[name], opts); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		} else {
			say(out, "%s: done (%s)\n", name, ch.Action)
		}
	}
	if o.prune {
		for _, name := range p.extra {
			if err := c.DeleteConnector(ctx, name); err != nil && !errors.Is(err, connect.ErrNotFound) {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			} else {
				say(out, "%s: deleted\n", name)
			}
		}
	}
	return errors.Join(errs...)
}

// say prints; a terminal that is gone is no reason to stop half way.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
