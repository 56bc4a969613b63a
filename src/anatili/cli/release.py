"""Commands for what is given to the public: release, licenses, verify, publish, site, reproduce."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anatili.cli.options import as_json, print_json, report_problems, runs_option, say
from anatili.problem import Problem

if TYPE_CHECKING:
    from anatili.licenses import Obstacle

NAMED = 4
"""Licenses that a line of the table names."""
FOLDER = click.Path(path_type=Path, file_okay=False)
only_option = click.option(
    "--only-licenses",
    "only",
    multiple=True,
    metavar="LICENSE",
    help="Only texts under this license, or of this kind, such as permissive; repeatable.",
)
unsigned_option = click.option("--unsigned", is_flag=True, help="Accept a release without a signature.")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=FOLDER, help="New folder for the release.")
@click.option("--key", type=click.Path(path_type=Path), help="Private SSH key to sign with.")
@click.option("--corpus", is_flag=True, help="Release the texts of the corpus instead of the model.")
@only_option
@runs_option
@as_json
@report_problems
def release(
    model: Path, out: Path, key: Path | None, corpus: bool, only: tuple[str, ...], runs: Path, wants_json: bool
) -> None:
    """Write the folder to publish: MODEL with all cards, digests of every file, and a signature.

    MODEL is a finished run, a packaged model or the name of a bundled one. With --corpus the folder holds the texts,
    and `datasets.load_dataset` opens it; a run that ends with its corpus, such as one of `anatili refine`, is enough.

    \b
    anatili release tiny -o tiny-1.0 --key ~/.ssh/id_ed25519
    anatili release tiny -o tiny-corpus --corpus --only-licenses CC0-1.0 --key ~/.ssh/id_ed25519
    """
    from anatili.opening.release_folder import release_folder
    from anatili.release.assemble import assemble_corpus, assemble_model
    from anatili.run import find_run

    if corpus:
        done = assemble_corpus(find_run(model, runs), out, key, only)
    elif only:
        raise click.UsageError("--only-licenses needs --corpus: a model is trained again to leave texts out")
    else:
        done = assemble_model(release_folder(model, runs), out, key)
    if wants_json:
        print_json({"folder": str(out)} | asdict(done))
        return
    say(f"{out}: {done.files:,} files, {done.bytes / 1e6:.1f} MB")
    say(f"signed with {done.signer}" if done.signer else "not signed; sign it with --key")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@only_option
@runs_option
@as_json
@report_problems
def licenses(model: Path, only: tuple[str, ...], runs: Path, wants_json: bool) -> None:
    """Say what MODEL may be licensed as, and which documents stand against each license.

    MODEL is a run with a corpus, a release, a packaged model or the name of a bundled one. The strict reading is shown,
    on which a model counts as an adaptation of its texts. It is not legal advice.

    \b
    anatili licenses kazakh-26m
    anatili licenses tiny --only-licenses permissive --only-licenses public-domain
    """
    from anatili.cli.progress import show_table
    from anatili.licenses import check_names, is_allowed, report
    from anatili.opening.release_folder import document_licenses

    check_names(only)
    counts = document_licenses(model, runs)
    kept = {name: count for name, count in counts.items() if is_allowed(name, only)}
    if not kept:
        raise Problem(f"no document is under {', '.join(only)}; the licenses are {', '.join(counts) or 'not recorded'}")
    summary = report(kept)
    if wants_json:
        print_json(
            {
                "documents": sum(kept.values()),
                "left_out": sum(counts.values()) - sum(kept.values()),
                "possible": summary.possible,
            }
            | asdict(summary)
        )
        return
    show_table(["license", "kind", "documents"], [[r.license, r.kind, f"{r.documents:,}"] for r in summary.licenses])
    if only:
        click.echo()
        say(f"left out: {sum(counts.values()) - sum(kept.values()):,} of {sum(counts.values()):,} documents")
        names = ", ".join(f'"{name}"' for name in only)
        say(f"To train without them, write under [cut] in the recipe: licenses = [{names}]")
    possible = ", ".join(summary.possible) or "no license"
    click.echo()
    say(f"On the strict reading the result may be given under: {possible}")
    click.echo()
    rows = [[result.license, f"{result.documents:,}", because(result.obstacles)] for result in summary.results]
    show_table(["result", "against it", "because of documents under"], rows)


def because(obstacles: "tuple[Obstacle, ...]") -> str:
    """The licenses with most documents against a result."""
    named = ", ".join(f"{row.license} {row.documents:,}" for row in obstacles[:NAMED])
    return named + (" ..." if len(obstacles) > NAMED else "")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--signer", default="", metavar="KEY", help="Fingerprint or public key that must have signed.")
@unsigned_option
@as_json
@report_problems
def verify(folder: Path, signer: str, unsigned: bool, wants_json: bool) -> None:
    """Check every file of a release in FOLDER against its digest, and the digests against their signature.

    No network is used. The exit status is 1 if a file was changed, removed or added, or if the signature is missing or
    wrong. Compare the fingerprint of the key with the one that the publisher announces, or name it with --signer.

    \b
    anatili verify tiny-1.0
    anatili verify tiny-1.0 --signer publisher.pub
    """
    from anatili.release.verify import verify as check

    verdict = check(folder, signer=signer, unsigned=unsigned)
    if wants_json:
        print_json({"good": verdict.is_good} | asdict(verdict))
    else:
        for fault in verdict.faults:
            click.echo(f"{fault.kind:10} {fault.file}" + (f"   {fault.detail}" if fault.detail else ""))
        say(f"{verdict.files:,} files agree with their digests")
        if verdict.signer:
            say(f"signed with {verdict.signer}")
    if not verdict.is_good:
        raise SystemExit(1)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--to", "target", required=True, metavar="ADDRESS", help="A folder, s3://..., or hf://OWNER/NAME.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
@click.option("--delete", is_flag=True, help="Remove files of an older release from the target.")
@click.option("--private", is_flag=True, help="Create the repository on the hub as private.")
@unsigned_option
@as_json
@report_problems
def publish(
    folder: Path, target: str, dry_run: bool, delete: bool, private: bool, unsigned: bool, wants_json: bool
) -> None:
    """Send the release in FOLDER to a folder, to S3 or to the Hugging Face hub, after it was verified.

    Files that are there with the same digest are not sent again: an interrupted command is simply given again.

    \b
    anatili publish tiny-1.0 --to hf://OWNER/tiny --dry-run
    anatili publish tiny-1.0 --to s3://bucket/models/tiny-1.0
    anatili publish tiny-corpus --to hf://datasets/OWNER/tiny-corpus
    """
    from anatili.release import publish as publishing

    publishing.check_release(folder, unsigned=unsigned)
    plan = publishing.plan_publish(folder, target)
    if wants_json:
        send = [item.name for item in plan.to_send]
        print_json(
            {
                "target": target,
                "send": send,
                "bytes": plan.bytes,
                "there": len(plan.items) - len(send),
                "stale": plan.stale,
                "sent": not dry_run,
            }
        )
    else:
        if dry_run:
            for item in plan.items:
                click.echo(f"{'there' if item.is_there else 'send':6} {item.size:>14,}  {item.name}")
        click.echo(f"to send: {len(plan.to_send):,} of {len(plan.items):,} files, {plan.bytes / 1e6:.1f} MB")
        for name in plan.stale:
            click.echo(f"not part of this release: {name}")
    if not dry_run:
        tell = click.echo if not wants_json else lambda line: None
        publishing.publish(folder, plan, tell, delete=delete, private=private)


@click.command()
@click.argument("model", metavar="RELEASE", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=FOLDER, help="New folder for the site.")
@runs_option
@report_problems
def site(model: Path, out: Path, runs: Path) -> None:
    """Write the site of RELEASE: static pages without scripts, in the languages of the model.

    RELEASE is the folder of a release, a finished run, a packaged model or the name of a bundled one. The pages show
    card, scores, data, hosts and licenses, and have a form that writes a letter to the publisher.

    \b
    anatili site tiny-1.0 -o site
    """
    from anatili.opening.release_folder import release_folder
    from anatili.release.site import write_site

    pages = write_site(release_folder(model, runs), out)
    click.echo(f"{out}: {', '.join(pages)}")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--sources", type=FOLDER, default=Path(), show_default=True, help="Folder that the recipe's paths start from."
)
@click.option("--until", default="", metavar="STAGE", help="Stop after this stage.")
@click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of local worker processes."
)
@click.option(
    "--runs", type=FOLDER, default=Path("reproduced"), show_default=True, help="Folder of the runs that are built."
)
@as_json
@report_problems
def reproduce(folder: Path, sources: Path, until: str, workers: int, runs: Path, wants_json: bool) -> None:
    """Build the release in FOLDER again from its manifest and the sources, and say stage by stage what is equal.

    The exit status is 1 if a file differs. Training gives the same bytes on the same kind of machine with the same
    versions; elsewhere compare the corpus (--until cut) and the scores.

    \b
    anatili reproduce tiny-1.0 --until cut
    anatili reproduce tiny-1.0 --sources ../shared/data --workers 8
    """
    from anatili.cli.progress import Bars
    from anatili.release import reproduce as reproducing

    is_equal = True
    others = reproducing.other_versions(folder)
    with Bars(quiet=wants_json) as bars:
        for row in reproducing.reproduce(folder, sources, runs, until=until, workers=workers, watch=bars.watch):
            is_equal = is_equal and row.is_equal
            if wants_json:
                print_json(asdict(row) | {"is_equal": row.is_equal})
                continue
            verdict = "equal" if row.is_equal else f"differs: {', '.join(row.different[:3])}"
            click.echo(f"{row.stage:10} {verdict}   ({row.equal} of {row.equal + len(row.different)} files are equal)")
            for reason in row.reasons:
                click.echo(f"{'':10} {reason}")
    if not is_equal:
        if not wants_json:
            for other in others:
                click.echo(f"another version: {other}")
        raise SystemExit(1)


COMMANDS = (release, licenses, verify, publish, site, reproduce)
