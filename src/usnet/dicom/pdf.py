"""A page to read: PDF of one source, alone or encapsulated in a DICOM object (PS3.3 A.45.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import EncapsulatedPDFStorage

from usnet.dicom.base import blank, finish, image_reference, moment
from usnet.dicom.pdf_page import TITLE, page
from usnet.reports.pdf import pdf

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options


def encapsulated_pdf(instance: Instance, options: Options) -> Dataset:
    """The PDF as an object of the source's study.

    Raises
    ------
    DataError
        The source is no DICOM object.
    MissingExtra
        WeasyPrint, or the Pango library that it draws with, is not installed.
    """
    made = blank(instance, "pdf", options, EncapsulatedPDFStorage, "DOC")
    document = page_pdf(instance, options)
    made.ConversionType = "WSD"
    made.ContentDate = made.ContentTime = made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"  # the page names the patient
    made.DocumentTitle = TITLE
    made.ConceptNameCodeSequence = []
    made.VerificationFlag = "UNVERIFIED"
    made.SourceInstanceSequence = [image_reference(instance, None)]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    made.EncapsulatedDocumentLength = len(document)
    return finish(made, instance, options)


def page_pdf(instance: Instance, options: Options) -> bytes:
    """The PDF alone.

    Raises
    ------
    MissingExtra
        WeasyPrint, or the Pango library that it draws with, is not installed.
    """
    return pdf(page(instance, moment(options)))
