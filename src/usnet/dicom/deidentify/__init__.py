"""De-identification of ultrasound files: PS3.15 Basic Profile, burned-in text, and a sheet to check by eye.

``Job(source, target, secret, options).run()`` yields an :class:`~usnet.dicom.deidentify.outcome.Outcome` a file;
:func:`~usnet.dicom.deidentify.report.write_reports` writes what was done.
"""
